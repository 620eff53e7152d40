#if defined(__x86_64__)
#include <immintrin.h>

#define CK_ISA CK_AVX2
#define CK_TARGET "avx2,f16c,fma"
#define CK_TABLE ck_average_kernels_avx2
#define CK_VECTOR_BYTES 32
#include "average.inc.h"
#endif
