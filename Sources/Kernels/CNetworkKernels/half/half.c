#include "ck_half.h"

#include <string.h>

static inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

ptrdiff_t ck_half_store(const float *from, uint16_t *to, ptrdiff_t n) {
  ptrdiff_t overflows = 0;
  // In pieces whose count fits the lanes of the loop.
  for (ptrdiff_t start = 0; start < n; start += 4096) {
    ptrdiff_t end = start + 4096 < n ? start + 4096 : n;
    uint32_t count = 0;
    for (ptrdiff_t i = start; i < end; i++) {
      uint32_t bits = bits_of(from[i]), magnitude = bits & 0x7fffffff;
      // Normal numbers: the exponent rebiased, then half of the last kept bit less one added, plus that bit, so that
      // ties go to even. A carry into the exponent is right, up to infinity.
      uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
      // Subnormal ones: adding 0.5 lines the mantissa up with half precision's last bit and rounds.
      uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000;
      uint32_t special = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
      uint32_t half = magnitude < 0x38800000 ? subnormal : magnitude < 0x47800000 ? normal : special;
      count += half >= 0x7c00 && magnitude < 0x7f800000;
      to[i] = (uint16_t)(half | (bits >> 16 & 0x8000));
    }
    overflows += count;
  }
  return overflows;
}

void ck_half_load(const uint16_t *from, float *to, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) {
    uint32_t half = from[i], magnitude = half & 0x7fff;
    // Moved into place the exponent is too small by 127 - 15; the product is exact, also for subnormal numbers.
    uint32_t finite = bits_of(float_of(magnitude << 13) * 0x1p112f);
    uint32_t special = 0x7f800000 | magnitude << 13;
    to[i] = float_of((magnitude < 0x7c00 ? finite : special) | (half & 0x8000) << 16);
  }
}
