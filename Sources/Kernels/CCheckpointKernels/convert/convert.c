#include "ck_convert.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint16_t load_u16(const void *from, ptrdiff_t i) {
  uint16_t value;
  memcpy(&value, (const char *)from + 2 * i, sizeof value);
  return value;
}

void ck_widen_f32(const void *from, double *to, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) {
    float value;
    memcpy(&value, (const char *)from + 4 * i, sizeof value);
    to[i] = value;
  }
}

void ck_widen_bf16(const void *from, double *to, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) to[i] = float_of_bits((uint32_t)load_u16(from, i) << 16);
}

void ck_widen_f16(const void *from, double *to, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) {
    uint32_t half = load_u16(from, i), magnitude = half & 0x7fff;
    // Moved into place the exponent is too small by 127 - 15; the product is exact, also for subnormals.
    float scaled = float_of_bits(magnitude << 13) * 0x1p112f;
    float special = float_of_bits(0x7f800000 | (magnitude & 0x3ff) << 13);
    double value = magnitude < 0x7c00 ? scaled : special;
    to[i] = half & 0x8000 ? -value : value;
  }
}

// Sign, then exponent, then mantissa. `largest` is the magnitude of the largest finite value, `overflow` what replaces
// a larger one (infinity or NaN), `nan` a NaN. Types without negative zero keep their NaN in its place.
typedef struct {
  int bits, mantissa, bias;
  uint32_t largest, overflow, nan;
  bool negative_zero, infinity;
} float_format;

static const float_format f16 = {16, 10, 15, 0x7bff, 0x7c00, 0x7e00, true, true};
static const float_format bf16 = {16, 7, 127, 0x7f7f, 0x7f80, 0x7fc0, true, true};

static float_format f8_format(ck_f8_kind kind) {
  switch (kind) {
    case CK_F8_E5M2: return (float_format){8, 2, 15, 0x7b, 0x7c, 0x7f, true, true};
    case CK_F8_E4M3: return (float_format){8, 3, 7, 0x7e, 0x7f, 0x7f, true, false};
    case CK_F8_E4M3FNUZ: return (float_format){8, 3, 8, 0x7f, 0x80, 0x80, false, false};
    default: return (float_format){8, 2, 16, 0x7f, 0x80, 0x80, false, false};
  }
}

// `*out` gets the bits; the result is true if the value was in range.
static inline bool narrow_one(float_format f, double value, bool saturate, uint32_t *out) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t sign = (uint32_t)(bits >> 63) << (f.bits - 1);
  uint64_t magnitude = bits & 0x7fffffffffffffff;
  if (magnitude > 0x7ff0000000000000) {
    *out = f.negative_zero ? sign | f.nan : f.nan;
    return true;
  }
  int exponent = (int)(magnitude >> 52) - 1023;
  int smallest = 1 - f.bias;
  uint64_t rounded = 0;
  if (magnitude == 0x7ff0000000000000) {
    rounded = UINT64_MAX;
  } else if (exponent > -1023) {
    uint64_t mantissa = (magnitude & 0xfffffffffffff) | 0x10000000000000;
    int shift = 52 - f.mantissa + (exponent < smallest ? smallest - exponent : 0);
    if (shift < 54) {
      uint64_t half = (uint64_t)1 << (shift - 1), rest = mantissa & (2 * half - 1);
      rounded = mantissa >> shift;
      rounded += rest > half || (rest == half && (rounded & 1));
      // The hidden bit adds 1 to the exponent field, and so does a carry out of the mantissa.
      if (exponent >= smallest) rounded += (uint64_t)(exponent - smallest) << f.mantissa;
    }
  }
  if (rounded <= f.largest) {
    *out = (uint32_t)rounded | (rounded || f.negative_zero ? sign : 0);
    return true;
  }
  if (saturate) {
    *out = sign | f.largest;
    return false;
  }
  *out = f.negative_zero ? sign | f.overflow : f.overflow;
  return rounded == UINT64_MAX && f.infinity;
}

static inline bool narrow_e8m0(double value, uint32_t *out) {
  if (isnan(value)) {
    *out = 0xff;
    return true;
  }
  if (!(value >= 0x1p-128) || value >= 0x1.8p127) {
    // The closest there is; 2^-128 rounds up to the smallest power only from half of it on.
    *out = value >= 0x1.8p127 ? 0xfe : 0;
    return false;
  }
  int exponent;
  double fraction = 2 * frexp(value, &exponent);
  int biased = exponent - 1 + 127;
  // A type without mantissa bits has no even neighbour; PyTorch rounds the middle up.
  *out = (uint32_t)(biased < 0 ? 0 : biased + (fraction >= 1.5));
  return true;
}

ptrdiff_t ck_narrow_f32(const double *from, void *to, ptrdiff_t n, bool saturate) {
  bool failed = false;
  for (ptrdiff_t i = 0; i < n; i++) {
    float value = (float)from[i];
    failed |= fabsf(value) == INFINITY && fabs(from[i]) != INFINITY;
    memcpy((char *)to + 4 * i, &value, sizeof value);
  }
  if (!failed && !saturate) return -1;
  ptrdiff_t first = -1;
  for (ptrdiff_t i = 0; i < n; i++) {
    float value = (float)from[i];
    if (fabsf(value) != INFINITY) continue;
    if (first < 0 && (saturate || fabs(from[i]) != INFINITY)) first = i;
    if (!saturate) continue;
    value = copysignf(0x1.fffffep127f, value);
    memcpy((char *)to + 4 * i, &value, sizeof value);
  }
  return first;
}

static inline ptrdiff_t narrow_u16(float_format format, const double *from, void *to, ptrdiff_t n, bool saturate) {
  ptrdiff_t first = -1;
  for (ptrdiff_t i = 0; i < n; i++) {
    uint32_t bits;
    if (!narrow_one(format, from[i], saturate, &bits) && first < 0) first = i;
    uint16_t value = (uint16_t)bits;
    memcpy((char *)to + 2 * i, &value, sizeof value);
  }
  return first;
}

ptrdiff_t ck_narrow_bf16(const double *from, void *to, ptrdiff_t n, bool saturate) {
  return narrow_u16(bf16, from, to, n, saturate);
}

ptrdiff_t ck_narrow_f16(const double *from, void *to, ptrdiff_t n, bool saturate) {
  return narrow_u16(f16, from, to, n, saturate);
}

ptrdiff_t ck_narrow_f8(ck_f8_kind kind, const double *from, void *to, ptrdiff_t n, bool saturate) {
  ptrdiff_t first = -1;
  float_format format = f8_format(kind);
  for (ptrdiff_t i = 0; i < n; i++) {
    uint32_t bits;
    bool fits = kind == CK_F8_E8M0 ? narrow_e8m0(from[i], &bits) : narrow_one(format, from[i], saturate, &bits);
    if (!fits && first < 0) first = i;
    ((uint8_t *)to)[i] = (uint8_t)bits;
  }
  return first;
}

static double widen_f8_one(ck_f8_kind kind, uint8_t bits) {
  if (kind == CK_F8_E8M0) return bits == 0xff ? NAN : ldexp(1, bits - 127);
  float_format f = f8_format(kind);
  uint32_t magnitude = bits & 0x7f;
  double sign = bits & 0x80 ? -1 : 1;
  if (!f.negative_zero && bits == 0x80) return NAN;
  if (f.infinity && magnitude == f.overflow) return sign * INFINITY;
  if (magnitude > f.largest) return NAN;
  int exponent = (int)(magnitude >> f.mantissa);
  uint32_t mantissa = magnitude & ((1u << f.mantissa) - 1);
  if (exponent > 0) mantissa |= 1u << f.mantissa;
  else exponent = 1;
  return sign * ldexp(mantissa, exponent - f.bias - f.mantissa);
}

void ck_widen_f8(ck_f8_kind kind, const void *from, double *to, ptrdiff_t n) {
  double table[256];
  for (int i = 0; i < 256; i++) table[i] = widen_f8_one(kind, (uint8_t)i);
  for (ptrdiff_t i = 0; i < n; i++) to[i] = table[((const uint8_t *)from)[i]];
}
