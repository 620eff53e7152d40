// Elements widened to double, and doubles rounded to them once.

CK_INLINE float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

CK_INLINE uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

CK_INLINE double widen_f64(const void *x, ptrdiff_t i) {
  double value;
  memcpy(&value, (const char *)x + 8 * i, sizeof value);
  return value;
}

CK_INLINE double widen_f32(const void *x, ptrdiff_t i) {
  float value;
  memcpy(&value, (const char *)x + 4 * i, sizeof value);
  return value;
}

CK_INLINE double widen_bf16(const void *x, ptrdiff_t i) {
  uint16_t bits;
  memcpy(&bits, (const char *)x + 2 * i, sizeof bits);
  return bits_to_float((uint32_t)bits << 16);
}

#ifdef CK_VECTOR_BYTES
// By the instruction, which these instruction sets have.
CK_INLINE double widen_f16(const void *x, ptrdiff_t i) {
  _Float16 half;
  memcpy(&half, (const char *)x + 2 * i, sizeof half);
  return (float)half;
}
#else
// The exponent is moved to where a float has it and corrected by an exact multiplication, which also normalises
// subnormals; the largest exponent stands for infinity and NaN.
CK_INLINE double widen_f16(const void *x, ptrdiff_t i) {
  uint16_t half;
  memcpy(&half, (const char *)x + 2 * i, sizeof half);
  const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  const uint32_t scaled = float_to_bits(bits_to_float(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000;
  const uint32_t bits = magnitude >= 0x0f800000 ? special : scaled;
  return bits_to_float(bits | (uint32_t)(half & 0x8000) << 16);
}
#endif

// Rounded to float so that no information about ties is lost: inexact results get an odd last bit ("round to odd").
// Rounding the result again, to a type at least two bits shorter, is then the same as rounding once
// (Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums", theorem 3).
CK_INLINE uint32_t round_to_odd(double value) {
  const float nearest = (float)value;
  const double back = nearest;
  uint32_t bits = float_to_bits(nearest);
  bits -= fabs(back) > fabs(value) ? 1 : 0;
  bits |= back != value ? 1 : 0;
  return bits;
}

// NaN becomes infinity here and below: either is reported by its exponent.
CK_INLINE uint16_t odd_to_bf16(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7fffffff;
  const uint32_t rounded = (magnitude + 0x7fff + ((magnitude >> 16) & 1)) >> 16;
  return (uint16_t)((bits & 0x80000000) >> 16 | (magnitude >= 0x7f800000 ? 0x7f80 : rounded));
}

CK_INLINE uint16_t odd_to_f16(uint32_t bits) {
  const uint32_t sign = (bits & 0x80000000) >> 16;
  const uint32_t magnitude = bits & 0x7fffffff;
  // Below the smallest normal number, adding 0.5 leaves the wanted bits in the low end, rounded by the addition.
  const uint32_t subnormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x47800000 ? 0x7c00 : half;
  return (uint16_t)(sign | half);
}
