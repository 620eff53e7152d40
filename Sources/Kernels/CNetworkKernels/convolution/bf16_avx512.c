#include <stddef.h>
#include <string.h>

#include "ck_bf16_convolution.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,fma,avx512bf16"))), apply_to = function)
#define CK_LANES 16
#include "../vectors.inc.h"
#include "../pointwise/pointwise.inc.h"
#include "tile_ahead.inc.h"
#define CK_MULTIPLY "vdpbf16ps"
#include "tile_avx512.inc.h"
#include "convolution.inc.h"
#include "bf16.inc.h"

static void conv(const ck_conv *job) { conv_bf16_by(job, tile); }
#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_kernels_avx512 = {.isa = CK_AVX512_BF16, .conv = conv};
#endif
