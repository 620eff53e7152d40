#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stddef.h>
#include <string.h>

#include "ck_layers.h"
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,fma,avx512bf16"))), apply_to = function)
#define CK_LANES 16
#define INLINE static inline __attribute__((always_inline))
#include "vectors.inc.h"
#include "tile_ahead.inc.h"
#define TILE tile
#define MULTIPLY "vdpbf16ps"
#include "conv_tile_avx512.inc.h"
#include "conv.inc.h"
#include "conv_bf16.inc.h"

static void conv(const ck_conv *job) { conv_bf16_by(job, tile); }
#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_kernels_avx512 = {.name = "avx512-bf16", .conv = conv};
#endif
