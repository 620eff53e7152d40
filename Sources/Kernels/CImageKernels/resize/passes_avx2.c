#include "passes.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

// Weights have 24 bits, the multipliers 16: each sum is taken twice, with the low and the high halves of the weights,
// and put together modulo 2^32. The true sum fits 32 bits, so the result is exact.

static __m256i total(__m256i low, __m256i high) {
  __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, CK_RESIZE_LOW_BITS));
  sum = _mm256_add_epi32(sum, _mm256_set1_epi32(1 << (CK_RESIZE_PRECISION_BITS - 1)));
  return _mm256_srai_epi32(sum, CK_RESIZE_PRECISION_BITS);
}

static __m256i pair(const int16_t *halves) {
  int32_t both;
  memcpy(&both, halves, sizeof both);
  return _mm256_set1_epi32(both);
}

// 32 bytes of one output row.
static void column_block(
    const axis_plan *plan, uint32_t output, const uint8_t *source, size_t stride, uint8_t *target) {
  const int16_t *halves = plan->halves + (size_t)output * plan->groups * 8;
  uint32_t count = plan->count[output];
  __m256i zero = _mm256_setzero_si256();
  __m256i low[4] = {zero, zero, zero, zero};
  __m256i high[4] = {zero, zero, zero, zero};
  for (uint32_t k = 0; k < count; k += 2) {
    __m256i a = _mm256_loadu_si256((const __m256i *)(source + k * stride));
    __m256i b = k + 1 < count ? _mm256_loadu_si256((const __m256i *)(source + (k + 1) * stride)) : zero;
    const int16_t *weights = halves + k / 4 * 8 + k % 4;
    __m256i low_weights = pair(weights);
    __m256i high_weights = pair(weights + 4);
    __m256i first = _mm256_unpacklo_epi8(a, b);
    __m256i second = _mm256_unpackhi_epi8(a, b);
    __m256i pairs[4] = {
        _mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero), _mm256_unpacklo_epi8(second, zero),
        _mm256_unpackhi_epi8(second, zero)};
    for (int i = 0; i < 4; i++) {
      low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pairs[i], low_weights));
      high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pairs[i], high_weights));
    }
  }
  __m256i first = _mm256_packs_epi32(total(low[0], high[0]), total(low[1], high[1]));
  __m256i second = _mm256_packs_epi32(total(low[2], high[2]), total(low[3], high[3]));
  _mm256_storeu_si256((__m256i *)target, _mm256_packus_epi16(first, second));
}

static void vertical(const axis_plan *plan, input_rows source, size_t bytes, output_rows target) {
  for (uint32_t y = 0; y < plan->length; y++) {
    const uint8_t *rows = source.pixels + source.stride * plan->first[y];
    uint8_t *out = target.pixels + target.stride * y;
    size_t x = 0;
    for (; x + 32 <= bytes; x += 32) column_block(plan, y, rows + x, source.stride, out + x);
    if (x == bytes) continue;
    if (bytes >= 32) {
      // The last block overlaps the one before it and computes the same bytes again.
      column_block(plan, y, rows + bytes - 32, source.stride, out + bytes - 32);
    } else {
      ck_resize_column(plan, y, rows, source.stride, 0, bytes, out);
    }
  }
}

enum { ROWS = 4 };

// One output pixel of four rows. Reads 16 bytes at each group of four taps.
static void pixel_of_rows(
    const axis_plan *plan, uint32_t i, const uint8_t *source, size_t stride, uint8_t *target, size_t target_stride) {
  // Four pixels become pairs of 16-bit samples: r0 r1 g0 g1 b0 b1 - - | r2 r3 g2 g3 b2 b3 - -
  const __m256i spread = _mm256_setr_epi8(
      0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
      6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i low_pairs = _mm256_setr_epi8(
      0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,  //
      4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  const __m256i high_pairs = _mm256_add_epi8(low_pairs, _mm256_set1_epi8(8));
  const int16_t *halves = plan->halves + (size_t)i * plan->groups * 8;
  const uint8_t *pixels = source + (size_t)plan->first[i] * 3;
  __m256i zero = _mm256_setzero_si256();
  __m256i low[ROWS] = {zero, zero, zero, zero};
  __m256i high[ROWS] = {zero, zero, zero, zero};
  for (uint32_t k = 0; k < plan->count[i]; k += 4) {
    __m256i weights = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(halves + k * 2)));
    __m256i low_weights = _mm256_shuffle_epi8(weights, low_pairs);
    __m256i high_weights = _mm256_shuffle_epi8(weights, high_pairs);
    for (int row = 0; row < ROWS; row++) {
      const __m128i *bytes = (const __m128i *)(pixels + k * 3 + row * stride);
      __m256i samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(bytes)), spread);
      low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(samples, low_weights));
      high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(samples, high_weights));
    }
  }
  for (int row = 0; row < ROWS; row++) {
    __m256i both = _mm256_add_epi32(low[row], _mm256_slli_epi32(high[row], CK_RESIZE_LOW_BITS));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = _mm_add_epi32(sum, _mm_set1_epi32(1 << (CK_RESIZE_PRECISION_BITS - 1)));
    sum = _mm_packs_epi32(_mm_srai_epi32(sum, CK_RESIZE_PRECISION_BITS), sum);
    uint32_t rgb = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    uint8_t *out = target + row * target_stride + (size_t)i * 3;
    out[0] = (uint8_t)rgb;
    out[1] = (uint8_t)(rgb >> 8);
    out[2] = (uint8_t)(rgb >> 16);
  }
}

// How many leading outputs of a row can be computed without reading at or after `end`.
static uint32_t readable_outputs(const axis_plan *plan, const uint8_t *row, const uint8_t *end) {
  uint32_t i = plan->length;
  while (i > 0) {
    size_t groups = (plan->count[i - 1] + 3) / 4;
    size_t last = ((size_t)plan->first[i - 1] + (groups - 1) * 4) * 3 + 16;
    if (last <= (size_t)(end - row)) break;
    i--;
  }
  return i;
}

static void horizontal(const axis_plan *plan, input_rows source, uint32_t rows, output_rows target) {
  uint32_t y = 0;
  for (; y + ROWS <= rows; y += ROWS) {
    const uint8_t *in = source.pixels + source.stride * y;
    uint8_t *out = target.pixels + target.stride * y;
    uint32_t readable = readable_outputs(plan, in + source.stride * (ROWS - 1), source.end);
    for (uint32_t i = 0; i < readable; i++) pixel_of_rows(plan, i, in, source.stride, out, target.stride);
    for (int row = 0; row < ROWS; row++)
      ck_resize_row(plan, readable, plan->length, in + source.stride * row, out + target.stride * row);
  }
  for (; y < rows; y++)
    ck_resize_row(plan, 0, plan->length, source.pixels + source.stride * y, target.pixels + target.stride * y);
}

#pragma clang attribute pop

const ck_resize_kernels ck_resize_kernels_avx2 = {
    .isa = CK_AVX2, .splits_weights = 1, .horizontal = horizontal, .vertical = vertical};

#endif
