#if defined(__x86_64__)
#include <immintrin.h>

#define CK_ISA CK_AVX512
#define CK_TARGET "avx512f,fma"
#define CK_TABLE ck_layer_kernels_avx512
#define CK_LANES 16
#define CK_PERMUTE(v, index) ((vec)_mm512_permutexvar_ps((__m512i)(index), (__m512)(v)))
#define CK_TILE "convolution/tile_avx512.inc.h"
#define CK_MULTIPLY "vfmadd231ps"
#include "layers.inc.h"
#endif
