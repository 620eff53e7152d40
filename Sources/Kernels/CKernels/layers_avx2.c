#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stddef.h>
#include <string.h>

#include "ck_layers.h"
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define CK_PERMUTE(v, index) ((vec)_mm256_permutevar8x32_ps((__m256)(v), (__m256i)(index)))
#define CK_CONV "conv_tile_avx2.inc.h"
#define CK_LANES 8
#define CK_NAME "avx2"
#define CK_TABLE ck_layer_kernels_avx2
#include "layers.inc.h"
#pragma clang attribute pop
#endif
