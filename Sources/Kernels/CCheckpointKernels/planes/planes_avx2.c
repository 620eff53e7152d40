#if defined(__x86_64__)
#define CK_ISA CK_AVX2
#define CK_TARGET "avx2"
#define CK_TABLE ck_planes_kernels_avx2
#include "planes.inc.h"
#endif
