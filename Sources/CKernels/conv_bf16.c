// Convolutions of bfloat16 numbers, products and sums in float32. What is convolved is rounded to bfloat16 first, each of
// the rows that a job reads once. Pairs of input channels then take the place of floats, so that the tiles of float32
// serve them; zeros fill the channels up to what one tile register of AMX holds.
#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ck_layers.h"

static ptrdiff_t pairs_of(ptrdiff_t channels) {
  return (channels + CK_BF16_CHANNELS - 1) / CK_BF16_CHANNELS * (CK_BF16_CHANNELS / 2);
}

ptrdiff_t ck_conv_bf16_scratch(const ck_window *window, ptrdiff_t channels, ptrdiff_t rows) {
  return ck_conv_scratch(window, pairs_of(channels), rows);
}

ptrdiff_t ck_conv_bf16_panel(ptrdiff_t taps, ptrdiff_t channels) { return taps * pairs_of(channels) * CK_BF16_PANEL; }

static uint16_t rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void ck_conv_bf16_pack(float *panels, const float *matrix, ptrdiff_t taps, ptrdiff_t channels, ptrdiff_t outputs) {
  const ptrdiff_t padded = 2 * pairs_of(channels);
  uint16_t *to = (uint16_t *)panels;
  for (ptrdiff_t first = 0; first < outputs; first += CK_BF16_PANEL)
    for (ptrdiff_t tap = 0; tap < taps; tap++)
      for (ptrdiff_t channel = 0; channel < padded; channel += 2)
        for (ptrdiff_t o = first; o < first + CK_BF16_PANEL; o++)
          for (ptrdiff_t c = channel; c < channel + 2; c++)
            *to++ = o < outputs && c < channels ? rounded(matrix[(tap * channels + c) * outputs + o]) : 0;
}

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,fma,avx512bf16,amx-tile,amx-bf16"))), apply_to = function)
#define CK_LANES 16
#define INLINE static inline __attribute__((always_inline))
#include "vectors.inc.h"
#include "tile_ahead.inc.h"
#define TILE tile_avx512
#define MULTIPLY "vdpbf16ps"
#include "conv_tile_avx512.inc.h"
#include "conv.inc.h"

// Registers 0 to 3 are sums of GROUP pixels by 16 outputs, 4 and 5 pixels, 6 and 7 weights.
enum { PAIRS = CK_BF16_CHANNELS / 2 };

static void tile_amx(float *acc, const float *a, const float *b, ptrdiff_t stride, const float *w, ptrdiff_t count,
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

// CK_BF16_CHANNELS channels, rounded to nearest with ties to even.
INLINE void round_channels(float *pairs, const float *x) {
  const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + CK_LANES), _mm512_loadu_ps(x));
  memcpy(pairs, &v, sizeof v);
}

INLINE void round_pixel(float *pairs, const float *x, ptrdiff_t channels) {
  ptrdiff_t c = 0;
  for (; c + CK_BF16_CHANNELS <= channels; c += CK_BF16_CHANNELS) round_channels(pairs + c / 2, x + c);
  if (c < channels) {
    float rest[CK_BF16_CHANNELS] = {0};
    memcpy(rest, x + c, (size_t)(channels - c) * sizeof(float));
    round_channels(pairs + c / 2, rest);
  }
}

INLINE void conv_bf16_by(const ck_conv *job, tile_function *multiply) {
  const ck_window *w = &job->window;
  const ptrdiff_t pairs = pairs_of(job->channels), rows = job->last_row - job->first_row;
  const int is_point = w->kernel_height == 1 && w->kernel_width == 1 && w->pad_top == 0 && w->pad_left == 0;
  ck_conv inner = *job;
  inner.x = job->scratch;
  inner.x_stride = inner.channels = pairs;
  inner.window.pad_top = inner.window.pad_left = 0;
  inner.window.out_height = rows;
  // Of a window of one pixel the pixels between strides are left out.
  const ptrdiff_t step_y = is_point ? w->stride_y : 1, step_x = is_point ? w->stride_x : 1;
  if (is_point) inner.window.stride_y = inner.window.stride_x = 1;
  inner.window.height =
      (rows - 1) * inner.window.stride_y + (w->kernel_height - 1) * w->dilation_y + 1;
  inner.window.width =
      (w->out_width - 1) * inner.window.stride_x + (w->kernel_width - 1) * w->dilation_x + 1;
  inner.first_image = inner.first_row = 0;
  inner.last_image = 1;
  inner.last_row = rows;
  const ptrdiff_t top = job->first_row * w->stride_y - w->pad_top;
  for (ptrdiff_t image = job->first_image; image < job->last_image; image++) {
    float *to = job->scratch;
    for (ptrdiff_t row = 0; row < inner.window.height; row++)
      for (ptrdiff_t column = 0; column < inner.window.width; column++, to += pairs) {
        const ptrdiff_t y = top + row * step_y, x = column * step_x - w->pad_left;
        if (y >= 0 && y < w->height && x >= 0 && x < w->width)
          round_pixel(to, job->x + image * job->x_image + (y * w->width + x) * job->x_stride, job->channels);
        else
          memset(to, 0, (size_t)pairs * sizeof(float));
      }
    const ptrdiff_t offset = image * job->y_image + job->first_row * w->out_width * job->y_stride;
    inner.y = job->y + offset;
    inner.residual = job->residual ? job->residual + offset : NULL;
    conv_by(&inner, multiply);
  }
}

static void conv_avx512(const ck_conv *job) { conv_bf16_by(job, tile_avx512); }

static void conv_amx(const ck_conv *job) {
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
  conv_bf16_by(job, tile_amx);
  _tile_release();
}
#pragma clang attribute pop

static const ck_bf16_kernels avx512 = {.name = "avx512-bf16", .conv = conv_avx512};
static const ck_bf16_kernels amx = {.name = "amx-bf16", .conv = conv_amx};

// Linux gives a process the tile registers on request.
static int has_tile_registers(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return 0;
#endif
}
#endif

const ck_bf16_kernels *ck_bf16_kernels_for(ck_bf16_isa isa) {
#if defined(__x86_64__)
  if (!ck_layer_kernels_for(ck_avx512) || !__builtin_cpu_supports("avx512bf16")) return NULL;
  switch (isa) {
    case ck_bf16_avx512: return &avx512;
    case ck_bf16_amx:
      return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && has_tile_registers() ? &amx
                                                                                                            : NULL;
    default: return NULL;
  }
#else
  (void)isa;
  return NULL;
#endif
}

const ck_bf16_kernels *ck_best_bf16(void) {
  for (int isa = ck_bf16_isa_count - 1; isa >= 0; isa--)
    if (ck_bf16_kernels_for((ck_bf16_isa)isa)) return ck_bf16_kernels_for((ck_bf16_isa)isa);
  return NULL;
}
