#if defined(__x86_64__)
#include <immintrin.h>

#define CK_ISA CK_AVX512
#define CK_TARGET "avx512f,avx512bw,avx512dq,avx512vl,f16c,fma"
#define CK_TABLE ck_average_kernels_avx512
#define CK_VECTOR_BYTES 64
#include "average.inc.h"
#endif
