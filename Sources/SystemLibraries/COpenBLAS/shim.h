#pragma once
#include <cblas.h>

// Ends the threads that OpenBLAS starts when it is loaded; it starts them again when it needs them.
extern int blas_thread_shutdown_(void) __attribute__((weak));
static inline void ck_blas_stop_threads(void) {
  if (blas_thread_shutdown_) blas_thread_shutdown_();
}
