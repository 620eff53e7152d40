#if defined(__x86_64__)
#include <immintrin.h>

#define CK_ISA CK_AVX2
#define CK_TARGET "avx2,fma"
#define CK_TABLE ck_layer_kernels_avx2
#define CK_LANES 8
#define CK_PERMUTE(v, index) ((vec)_mm256_permutevar8x32_ps((__m256)(v), (__m256i)(index)))
#define CK_TILE "convolution/tile_avx2.inc.h"
#include "layers.inc.h"
#endif
