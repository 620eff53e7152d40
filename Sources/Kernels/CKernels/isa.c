#include "ck_layers.h"

extern const ck_layer_kernels ck_layer_kernels_baseline;
#if defined(__x86_64__)
extern const ck_layer_kernels ck_layer_kernels_avx2;
extern const ck_layer_kernels ck_layer_kernels_avx512;
#endif

const ck_layer_kernels *ck_layer_kernels_for(ck_isa isa) {
  switch (isa) {
    case ck_baseline: return &ck_layer_kernels_baseline;
#if defined(__x86_64__)
    case ck_avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &ck_layer_kernels_avx2 : NULL;
    case ck_avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? &ck_layer_kernels_avx512 : NULL;
#endif
    default: return NULL;
  }
}

ck_isa ck_best_isa(void) {
  for (int isa = ck_isa_count - 1; isa > 0; isa--)
    if (ck_layer_kernels_for((ck_isa)isa)) return (ck_isa)isa;
  return ck_baseline;
}
