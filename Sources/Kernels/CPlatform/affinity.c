#define _GNU_SOURCE
#include "ck_affinity.h"

#include <sched.h>
#include <stddef.h>
#include <unistd.h>

int ck_allowed_processors(void) {
#if defined(__linux__)
  // Machines with more processors than a fixed mask holds need a larger one.
  for (size_t processors = 1024; processors <= 1 << 20; processors *= 2) {
    cpu_set_t *set = CPU_ALLOC(processors);
    if (set == NULL) break;
    size_t size = CPU_ALLOC_SIZE(processors);
    int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}
