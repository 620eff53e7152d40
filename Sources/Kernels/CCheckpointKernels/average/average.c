#include "ck_average.h"

extern const ck_average_kernels ck_average_kernels_scalar, ck_average_kernels_avx2, ck_average_kernels_avx512;

static ck_kernel_family family = {
    [CK_SCALAR] = &ck_average_kernels_scalar,
#if defined(__x86_64__)
    [CK_AVX2] = &ck_average_kernels_avx2,
    [CK_AVX512] = &ck_average_kernels_avx512,
#endif
};

const ck_average_kernels *ck_average_kernels_for(ck_isa isa) { return ck_kernels_for(family, isa); }
const ck_average_kernels *ck_average_kernels_best(void) { return ck_kernels_best(family); }
