#include "ck_processor.h"

#include <stddef.h>

#if defined(__x86_64__)
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Linux gives a process the tile registers on request.
static _Bool has_tile_registers(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return 0;
#endif
}
#endif

_Bool ck_processor_has(ck_isa isa) {
  switch (isa) {
    case CK_SCALAR: return 1;
#if defined(__x86_64__)
    case CK_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case CK_AVX512:
      return ck_processor_has(CK_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case CK_AVX512_BF16: return ck_processor_has(CK_AVX512) && __builtin_cpu_supports("avx512bf16");
    case CK_AMX_BF16:
      return ck_processor_has(CK_AVX512_BF16) && __builtin_cpu_supports("amx-tile") &&
             __builtin_cpu_supports("amx-bf16") && has_tile_registers();
#endif
    default: return 0;
  }
}

const char *ck_isa_name(ck_isa isa) {
  switch (isa) {
    case CK_SCALAR: return "scalar";
    case CK_AVX2: return "avx2";
    case CK_AVX512: return "avx512";
    case CK_AVX512_BF16: return "avx512-bf16";
    case CK_AMX_BF16: return "amx-bf16";
    default: return "unknown";
  }
}

const void *ck_kernels_for(ck_kernel_family family, ck_isa isa) {
  if ((unsigned)isa >= CK_ISA_COUNT || !family[isa]) return NULL;
  return ck_processor_has(isa) ? family[isa] : NULL;
}

const void *ck_kernels_best(ck_kernel_family family) {
  for (int isa = CK_ISA_COUNT - 1; isa >= 0; isa--) {
    const void *kernels = ck_kernels_for(family, (ck_isa)isa);
    if (kernels) return kernels;
  }
  return NULL;
}
