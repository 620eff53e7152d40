#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ck_bf16_convolution.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,fma,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#define CK_LANES 16
#include "../vectors.inc.h"
#include "../pointwise/pointwise.inc.h"
#include "tile_ahead.inc.h"

// Of the tile registers 0 to 3 are sums of GROUP pixels by 16 outputs, 4 and 5 pixels, 6 and 7 weights. 14 of 16 rows
// are used: the maps of most networks are multiples of 14 pixels wide.
enum { GROUP = 14, PANEL = CK_BF16_PANEL, PAIRS = CK_BF16_CHANNELS / 2 };

static void tile(float *acc, const float *a, const float *b, ptrdiff_t stride, const float *w, ptrdiff_t count,
                 int is_first, const tile_ahead *ahead) {
  enum { ROW = PANEL * sizeof(float) };
  float *const lower = acc + GROUP * PANEL;
  for (ptrdiff_t row = 0; row < ahead->rows; row++)
    for (ptrdiff_t o = 0; o < PANEL; o += CK_LANES) {
      __builtin_prefetch(ahead->target + row * ahead->stride + o, 1);
      if (ahead->residual) __builtin_prefetch(ahead->residual + row * ahead->stride + o, 0);
    }
  if (is_first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, acc, ROW);
    _tile_loadd(1, acc + CK_LANES, ROW);
    _tile_loadd(2, lower, ROW);
    _tile_loadd(3, lower + CK_LANES, ROW);
  }
  for (ptrdiff_t k = 0; k < count; k += PAIRS, w += PAIRS * PANEL) {
    _tile_loadd(4, a + k, stride * (ptrdiff_t)sizeof(float));
    _tile_loadd(6, w, ROW);
    _tile_loadd(7, w + CK_LANES, ROW);
    _tile_loadd(5, b + k, stride * (ptrdiff_t)sizeof(float));
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, acc, ROW);
  _tile_stored(1, acc + CK_LANES, ROW);
  _tile_stored(2, lower, ROW);
  _tile_stored(3, lower + CK_LANES, ROW);
}

#include "convolution.inc.h"
#include "bf16.inc.h"

static void conv(const ck_conv *job) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    shape.row_bytes[i] = 64;
    shape.rows[i] = i < 6 ? GROUP : PAIRS;
  }
  _tile_loadconfig(&shape);
  conv_bf16_by(job, tile);
  _tile_release();
}
#pragma clang attribute pop

const ck_bf16_kernels ck_bf16_kernels_amx = {.isa = CK_AMX_BF16, .conv = conv};
#endif
