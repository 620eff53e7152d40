#include "ck_average.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// The bodies below are plain C that the compiler vectorises; they are compiled once per instruction set, inlined into
// the wrappers at the end of the file.
#define BODY static inline __attribute__((always_inline))

BODY float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

BODY uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

BODY double widen_f64(const void *x, ptrdiff_t i) {
  double value;
  memcpy(&value, (const char *)x + 8 * i, sizeof value);
  return value;
}

BODY double widen_f32(const void *x, ptrdiff_t i) {
  float value;
  memcpy(&value, (const char *)x + 4 * i, sizeof value);
  return value;
}

BODY double widen_bf16(const void *x, ptrdiff_t i) {
  uint16_t bits;
  memcpy(&bits, (const char *)x + 2 * i, sizeof bits);
  return bits_to_float((uint32_t)bits << 16);
}

// The exponent is moved to where a float has it and corrected by an exact multiplication, which also normalises
// subnormals; the largest exponent stands for infinity and NaN.
BODY double widen_f16(const void *x, ptrdiff_t i) {
  uint16_t half;
  memcpy(&half, (const char *)x + 2 * i, sizeof half);
  const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  const uint32_t scaled = float_to_bits(bits_to_float(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000;
  const uint32_t bits = magnitude >= 0x0f800000 ? special : scaled;
  return bits_to_float(bits | (uint32_t)(half & 0x8000) << 16);
}

#if defined(__x86_64__)
// The same value by the conversion instruction, for the variants whose processors have it.
BODY double widen_f16c(const void *x, ptrdiff_t i) {
  _Float16 half;
  memcpy(&half, (const char *)x + 2 * i, sizeof half);
  return (float)half;
}
#endif

// Rounded to float so that no information about ties is lost: inexact results get an odd last bit ("round to odd").
// Rounding the result again, to a type at least two bits shorter, is then the same as rounding once
// (Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums", theorem 3).
BODY uint32_t round_to_odd(double value) {
  const float nearest = (float)value;
  const double back = nearest;
  uint32_t bits = float_to_bits(nearest);
  bits -= fabs(back) > fabs(value) ? 1 : 0;
  bits |= back != value ? 1 : 0;
  return bits;
}

// NaN becomes infinity here and below: either is reported by its exponent.
BODY uint16_t odd_to_bf16(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7fffffff;
  const uint32_t rounded = (magnitude + 0x7fff + ((magnitude >> 16) & 1)) >> 16;
  return (uint16_t)((bits & 0x80000000) >> 16 | (magnitude >= 0x7f800000 ? 0x7f80 : rounded));
}

BODY uint16_t odd_to_f16(uint32_t bits) {
  const uint32_t sign = (bits & 0x80000000) >> 16;
  const uint32_t magnitude = bits & 0x7fffffff;
  // Below the smallest normal number, adding 0.5 leaves the wanted bits in the low end, rounded by the addition.
  const uint32_t subnormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x47800000 ? 0x7c00 : half;
  return (uint16_t)(sign | half);
}

// Long enough to hide the loop over the inputs, short enough that the sums stay in registers or the first cache.
enum { block = 64 };

#define ACCUMULATE(name, widen)                                                                                  \
  BODY void name(const void *const *x, const double *keep, const double *add, ptrdiff_t inputs, ptrdiff_t from,  \
                 ptrdiff_t count, int resume, double *sum) {                                                     \
    for (ptrdiff_t first = 0; first < count; first += block) {                                                   \
      const ptrdiff_t at = from + first;                                                                         \
      double s[block];                                                                                           \
      if (count - first >= block) {                                                                              \
        ptrdiff_t k = 0;                                                                                         \
        if (resume) {                                                                                            \
          memcpy(s, sum + first, sizeof s);                                                                      \
        } else {                                                                                                 \
          for (ptrdiff_t i = 0; i < block; i++) s[i] = add[0] * widen(x[0], at + i);                             \
          k = 1;                                                                                                 \
        }                                                                                                        \
        for (; k < inputs; k++) {                                                                                \
          const double a = keep[k], b = add[k];                                                                  \
          const void *const in = x[k];                                                                           \
          if (a == 1 && b == 1) {                                                                                \
            for (ptrdiff_t i = 0; i < block; i++) s[i] = s[i] + widen(in, at + i);                               \
          } else if (a == 1) {                                                                                   \
            for (ptrdiff_t i = 0; i < block; i++) s[i] = s[i] + b * widen(in, at + i);                           \
          } else {                                                                                               \
            for (ptrdiff_t i = 0; i < block; i++) s[i] = a * s[i] + b * widen(in, at + i);                       \
          }                                                                                                      \
        }                                                                                                        \
        memcpy(sum + first, s, sizeof s);                                                                        \
      } else {                                                                                                   \
        for (ptrdiff_t i = first; i < count; i++) {                                                              \
          double t = resume ? sum[i] : add[0] * widen(x[0], from + i);                                           \
          for (ptrdiff_t k = resume ? 0 : 1; k < inputs; k++) t = keep[k] * t + add[k] * widen(x[k], from + i);  \
          sum[i] = t;                                                                                            \
        }                                                                                                        \
      }                                                                                                          \
    }                                                                                                            \
  }

ACCUMULATE(accumulate_f64, widen_f64)
ACCUMULATE(accumulate_f32, widen_f32)
ACCUMULATE(accumulate_f16, widen_f16)
ACCUMULATE(accumulate_bf16, widen_bf16)
#if defined(__x86_64__)
ACCUMULATE(accumulate_f16c, widen_f16c)
#endif

BODY int round_sums(ck_element element, const double *sum, double divisor, ptrdiff_t count, void *out) {
  uint32_t bad = 0;
  switch (element) {
    case CK_F64:
      for (ptrdiff_t i = 0; i < count; i++) {
        const double value = sum[i] / divisor;
        bad |= !(fabs(value) <= DBL_MAX);
        memcpy((char *)out + 8 * i, &value, sizeof value);
      }
      break;
    case CK_F32:
      for (ptrdiff_t i = 0; i < count; i++) {
        const float value = (float)(sum[i] / divisor);
        bad |= !(fabsf(value) <= FLT_MAX);
        memcpy((char *)out + 4 * i, &value, sizeof value);
      }
      break;
    case CK_F16:
    case CK_BF16:
      for (ptrdiff_t first = 0; first < count; first += block) {
        const ptrdiff_t n = count - first < block ? count - first : block;
        uint32_t odd[block];
        uint16_t half[block];
        uint16_t largest = 0;
        for (ptrdiff_t i = 0; i < n; i++) odd[i] = round_to_odd(sum[first + i] / divisor);
        if (element == CK_F16) {
          for (ptrdiff_t i = 0; i < n; i++) half[i] = odd_to_f16(odd[i]);
        } else {
          for (ptrdiff_t i = 0; i < n; i++) half[i] = odd_to_bf16(odd[i]);
        }
        const uint16_t infinity = element == CK_F16 ? 0x7c00 : 0x7f80;
        for (ptrdiff_t i = 0; i < n; i++) {
          const uint16_t magnitude = half[i] & 0x7fff;
          largest = magnitude > largest ? magnitude : largest;
        }
        bad |= largest >= infinity;
        memcpy((char *)out + 2 * first, half, (size_t)n * sizeof *half);
      }
      break;
  }
  return bad != 0;
}

// Neighbours are put in order, even pairs and odd pairs in turn, all elements side by side: as many rounds as there are
// values sort them (Knuth, The Art of Computer Programming 3, exercise 5.3.4-37).
BODY int trimmed_sum(double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t trim, double *sum) {
  int bad = 0;
  for (ptrdiff_t first = 0; first < count; first += block) {
    const ptrdiff_t n = count - first < block ? count - first : block;
    for (ptrdiff_t k = 0; k < inputs; k++)
      for (ptrdiff_t i = 0; i < n; i++) bad |= !(fabs(values[k * stride + first + i]) <= DBL_MAX);
    for (ptrdiff_t round = 0; round < inputs; round++)
      for (ptrdiff_t k = round % 2; k + 1 < inputs; k += 2) {
        double *a = values + k * stride + first, *b = a + stride;
        for (ptrdiff_t i = 0; i < n; i++) {
          const double low = b[i] < a[i] ? b[i] : a[i], high = b[i] < a[i] ? a[i] : b[i];
          a[i] = low;
          b[i] = high;
        }
      }
    for (ptrdiff_t i = 0; i < n; i++) sum[first + i] = values[trim * stride + first + i];
    for (ptrdiff_t k = trim + 1; k < inputs - trim; k++)
      for (ptrdiff_t i = 0; i < n; i++) sum[first + i] += values[k * stride + first + i];
  }
  return bad;
}

// Welford's update of mean and sum of squared deviations by one more value, the `number`th.
BODY void welford(const double *x, double number, ptrdiff_t count, double *mean, double *m2) {
  for (ptrdiff_t i = 0; i < count; i++) {
    const double delta = x[i] - mean[i];
    mean[i] += delta / number;
    m2[i] += delta * (x[i] - mean[i]);
  }
}

#define AVX2 __attribute__((target("avx2,f16c,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c,fma")))

// Elements whose mean is made at a time: of 16-bit numbers all of them go the long way if one has to, more of them make
// that likelier and fewer cost more looks at the flag.
enum { mean_width = 256 };

// What mean.inc.h needs to know: a divisor, its reciprocal rounded towards zero and what that leaves, and the flags to
// begin with.
typedef struct {
  double divisor, high, low;
  unsigned flags;
} mean_constants;

#if defined(__x86_64__)
// The flags as `state` has them: cleared.
BODY void clear_flags(const unsigned *state) { __asm__ volatile("ldmxcsr %0" : : "m"(*state) : "memory"); }

BODY unsigned cleared_flags(void) { return _mm_getcsr() & ~_MM_EXCEPT_MASK; }

// Whether an operation on the way to what `results` holds was.
BODY int was_inexact(const float *results) {
  __asm__ volatile("" : : "r"(results) : "memory");
  return (_mm_getcsr() & _MM_EXCEPT_INEXACT) != 0;
}

// Emulators such as Valgrind do not keep the flags.
BODY int has_inexact_flag(void) {
  volatile float one = 1, sum[1];
  const unsigned state = cleared_flags();
  clear_flags(&state);
  sum[0] = one + 0x1p-30f;
  return was_inexact((const float *)sum);
}

#pragma clang attribute push(AVX2, apply_to = function)
#define MEAN_BYTES 32
#include "mean.inc.h"
#undef MEAN_BYTES
#pragma clang attribute pop
#pragma clang attribute push(AVX512, apply_to = function)
#define MEAN_BYTES 64
#include "mean.inc.h"
#undef MEAN_BYTES
#pragma clang attribute pop
#else
BODY unsigned cleared_flags(void) { return 0; }
BODY int has_inexact_flag(void) { return 0; }
#endif

// The plain variant has one way only.
BODY int in_float0(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                   const mean_constants *mean, void *out) {
  return 0;
}
BODY void in_double0(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                     const mean_constants *mean, double *out) {}

// Whether the result is a mean of which mean.inc.h knows shorter ways.
BODY int is_mean(ck_element from, ck_element to, const double *keep, const double *add, ptrdiff_t inputs,
                 double divisor, mean_constants *mean) {
  if (from != to || from == CK_F64) return 0;
  // No mean is larger than the largest value.
  if (!(divisor >= (double)inputs && divisor <= 256) || divisor != (double)(int)divisor) return 0;
  for (ptrdiff_t k = 0; k < inputs; k++)
    if ((k > 0 && keep[k] != 1) || add[k] != 1) return 0;
  double high = 1 / divisor;
  if (__builtin_fma(high, divisor, -1) > 0) high = nextafter(high, 0);
  *mean = (mean_constants){divisor, high, __builtin_fma(-high, divisor, 1) / divisor, cleared_flags()};
  return from == CK_F32 || has_inexact_flag();
}

// In strips whose sums are still in the first cache when they are rounded.
#define COMBINE(suffix, mean_bytes, attribute)                                                                     \
  attribute static int combine_##suffix(ck_element from, ck_element to, const void *const *x, const double *keep,  \
                                        const double *add, ptrdiff_t inputs, ptrdiff_t count, double divisor,      \
                                        void *out) {                                                               \
    const ptrdiff_t size = to == CK_F64 ? 8 : to == CK_F32 ? 4 : 2;                                                \
    mean_constants mean;                                                                                           \
    const int means = mean_bytes > 0 && is_mean(from, to, keep, add, inputs, divisor, &mean);                      \
    double sum[mean_width];                                                                                        \
    int bad = 0;                                                                                                   \
    for (ptrdiff_t first = 0; first < count; first += mean_width) {                                                \
      const ptrdiff_t n = count - first < mean_width ? count - first : mean_width;                                 \
      char *const results = (char *)out + size * first;                                                            \
      if (!means || n < mean_width) {                                                                              \
        sum_##suffix(from, x, keep, add, inputs, first, n, 0, sum);                                                \
        bad |= round_sums(to, sum, divisor, n, results);                                                           \
      } else if (from == CK_F32 || !in_float##mean_bytes(from, x, inputs, first, &mean, results)) {                \
        in_double##mean_bytes(from, x, inputs, first, &mean, sum);                                                 \
        bad |= round_sums(to, sum, 1, mean_width, results);                                                        \
      }                                                                                                            \
    }                                                                                                              \
    return bad;                                                                                                    \
  }

#define VARIANT(suffix, f16, mean_bytes, attribute)                                                                \
  attribute static void sum_##suffix(ck_element element, const void *const *x, const double *keep,                 \
                                     const double *add, ptrdiff_t inputs, ptrdiff_t first, ptrdiff_t count,        \
                                     int resume, double *sum) {                                                    \
    switch (element) {                                                                                             \
      case CK_F64: accumulate_f64(x, keep, add, inputs, first, count, resume, sum); break;                         \
      case CK_F32: accumulate_f32(x, keep, add, inputs, first, count, resume, sum); break;                         \
      case CK_F16: f16(x, keep, add, inputs, first, count, resume, sum); break;                                    \
      case CK_BF16: accumulate_bf16(x, keep, add, inputs, first, count, resume, sum); break;                       \
    }                                                                                                              \
  }                                                                                                                \
  attribute static int round_##suffix(ck_element element, const double *sum, double divisor, ptrdiff_t count,      \
                                      void *out) {                                                                 \
    return round_sums(element, sum, divisor, count, out);                                                          \
  }                                                                                                                \
  COMBINE(suffix, mean_bytes, attribute)                                                                           \
  attribute static int trimmed_##suffix(double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count,       \
                                        ptrdiff_t trim, double *sum) {                                             \
    return trimmed_sum(values, inputs, stride, count, trim, sum);                                                  \
  }                                                                                                                \
  attribute static void welford_##suffix(const double *x, double number, ptrdiff_t count, double *mean_,           \
                                         double *m2) {                                                             \
    welford(x, number, count, mean_, m2);                                                                          \
  }

VARIANT(plain, accumulate_f16, 0, )
#if defined(__x86_64__)
VARIANT(avx2, accumulate_f16c, 32, AVX2)
VARIANT(avx512, accumulate_f16c, 64, AVX512 __attribute__((min_vector_width(512))))
#endif

int ck_average_supported(ck_average_variant variant) {
  switch (variant) {
    case CK_AVERAGE_PLAIN: return 1;
#if defined(__x86_64__)
    case CK_AVERAGE_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma");
    case CK_AVERAGE_AVX512:
      return ck_average_supported(CK_AVERAGE_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    default: return 0;
  }
}

ck_average_variant ck_average_best(void) {
  if (ck_average_supported(CK_AVERAGE_AVX512)) return CK_AVERAGE_AVX512;
  return ck_average_supported(CK_AVERAGE_AVX2) ? CK_AVERAGE_AVX2 : CK_AVERAGE_PLAIN;
}

void ck_average_accumulate(ck_average_variant variant, ck_element element, const void *const *x, const double *keep,
                           const double *add, ptrdiff_t inputs, ptrdiff_t count, int resume, double *sum) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_AVERAGE_AVX512: sum_avx512(element, x, keep, add, inputs, 0, count, resume, sum); break;
    case CK_AVERAGE_AVX2: sum_avx2(element, x, keep, add, inputs, 0, count, resume, sum); break;
#endif
    default: sum_plain(element, x, keep, add, inputs, 0, count, resume, sum);
  }
}

int ck_average_combine(ck_average_variant variant, ck_element from, ck_element to, const void *const *x,
                       const double *keep, const double *add, ptrdiff_t inputs, ptrdiff_t count, double divisor,
                       void *out) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_AVERAGE_AVX512: return combine_avx512(from, to, x, keep, add, inputs, count, divisor, out);
    case CK_AVERAGE_AVX2: return combine_avx2(from, to, x, keep, add, inputs, count, divisor, out);
#endif
    default: return combine_plain(from, to, x, keep, add, inputs, count, divisor, out);
  }
}

int ck_average_round(ck_average_variant variant, ck_element element, const double *sum, double divisor,
                     ptrdiff_t count, void *out) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_AVERAGE_AVX512: return round_avx512(element, sum, divisor, count, out);
    case CK_AVERAGE_AVX2: return round_avx2(element, sum, divisor, count, out);
#endif
    default: return round_plain(element, sum, divisor, count, out);
  }
}

int ck_trimmed_sum(ck_average_variant variant, double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count,
                   ptrdiff_t trim, double *sum) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_AVERAGE_AVX512: return trimmed_avx512(values, inputs, stride, count, trim, sum);
    case CK_AVERAGE_AVX2: return trimmed_avx2(values, inputs, stride, count, trim, sum);
#endif
    default: return trimmed_plain(values, inputs, stride, count, trim, sum);
  }
}

void ck_welford(ck_average_variant variant, const double *x, double number, ptrdiff_t count, double *mean, double *m2) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_AVERAGE_AVX512: welford_avx512(x, number, count, mean, m2); break;
    case CK_AVERAGE_AVX2: welford_avx2(x, number, count, mean, m2); break;
#endif
    default: welford_plain(x, number, count, mean, m2);
  }
}
