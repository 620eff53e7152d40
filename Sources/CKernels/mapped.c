#include "ck_mapped.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

// Reading a mapped page that is not there raises SIGBUS on the thread that reads. The arithmetic below calls nothing
// that would have to be cleaned up, so a jump out of it is safe; a SIGBUS anywhere else has its usual effect.
static __thread sigjmp_buf *landing;
static struct sigaction previous;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_bus_error(int number) {
  if (landing) siglongjmp(*landing, 1);
  // The instruction is tried again when this returns, now with the earlier action.
  sigaction(number, &previous, NULL);
}

static void install(void) {
  struct sigaction action = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

// The signal mask needs no restoring: the handler does not block its signal.
#define GUARDED(work)            \
  pthread_once(&once, install);  \
  sigjmp_buf here;               \
  if (sigsetjmp(here, 0)) {      \
    landing = NULL;              \
    return -1;                   \
  }                              \
  landing = &here;               \
  work;                          \
  landing = NULL;                \
  return 0;

int ck_mapped_accumulate(ck_average_variant variant, ck_element element, const void *const *x, const double *keep,
                         const double *add, ptrdiff_t inputs, ptrdiff_t count, int resume, double *sum) {
  GUARDED(ck_average_accumulate(variant, element, x, keep, add, inputs, count, resume, sum))
}

int ck_mapped_checksums(ck_checksum checksum, const void *const *x, ptrdiff_t inputs, size_t bytes,
                        uint32_t *checksums) {
  GUARDED(for (ptrdiff_t k = 0; k < inputs; k++) checksums[k] = checksum(0, x[k], bytes))
}
