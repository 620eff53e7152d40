#include "ck_pending_outputs.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Whoever takes a pointer out of its slot owns it, so the handler and a finishing writer never use the same one.
static _Atomic(char *) slots[64];

int ck_pending_outputs_add(const char *path) {
  char *copy = strdup(path);
  if (!copy) return -1;
  for (int slot = 0; slot < (int)(sizeof slots / sizeof *slots); slot++) {
    char *none = NULL;
    if (atomic_compare_exchange_strong(&slots[slot], &none, copy)) return slot;
  }
  free(copy);
  return -1;
}

void ck_pending_outputs_forget(int slot) { free(atomic_exchange(&slots[slot], NULL)); }

void ck_pending_outputs_remove(void) {
  for (int slot = 0; slot < (int)(sizeof slots / sizeof *slots); slot++) {
    // Not freed: free() is not async-signal-safe and the process ends.
    char *path = atomic_exchange(&slots[slot], NULL);
    if (path) unlink(path);
  }
}
