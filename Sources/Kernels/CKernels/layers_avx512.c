#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stddef.h>
#include <string.h>

#include "ck_layers.h"
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,fma"))), apply_to = function)
#define CK_PERMUTE(v, index) ((vec)_mm512_permutexvar_ps((__m512i)(index), (__m512)(v)))
#define CK_CONV "conv_tile_avx512.inc.h"
#define TILE tile
#define MULTIPLY "vfmadd231ps"
#define CK_LANES 16
#define CK_NAME "avx512"
#define CK_TABLE ck_layer_kernels_avx512
#include "layers.inc.h"
#pragma clang attribute pop
#endif
