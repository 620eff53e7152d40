#include "ck_planes.h"

extern const ck_planes_kernels ck_planes_kernels_scalar, ck_planes_kernels_avx2;

static ck_kernel_family family = {
    [CK_SCALAR] = &ck_planes_kernels_scalar,
#if defined(__x86_64__)
    [CK_AVX2] = &ck_planes_kernels_avx2,
#endif
};

const ck_planes_kernels *ck_planes_kernels_for(ck_isa isa) { return ck_kernels_for(family, isa); }
const ck_planes_kernels *ck_planes_kernels_best(void) { return ck_kernels_best(family); }
