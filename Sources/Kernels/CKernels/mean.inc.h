// Means by shorter ways than summing and dividing, which give the same bits. Included once per instruction set,
// inside its target attribute; MEAN_BYTES is the size of its vectors.

#define MEAN_JOIN2(a, b) a##b
#define MEAN_JOIN(a, b) MEAN_JOIN2(a, b)
#define MEAN(name) MEAN_JOIN(name, MEAN_BYTES)

// Sums in double, of any of the types. The sums stay in registers and nothing is divided, which would take as long as
// ten additions: with h = 1/d rounded towards zero and l = 1/d - h, the fused s * h + s * l rounds a number within
// 2^-100 of s/d. That is s/d rounded, as s/d is no nearer than 2^-62 to a point m halfway between two doubles: s and
// m * d, with d <= 256 whole, are multiples of half a unit in the last place of s/d, and differ since m * d has more
// than 53 bits. Both products have the sign of s, so that a zero keeps its own. Sums of floats are far from the ends
// of double's range.

BODY void MEAN(quotients_of_sums)(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                  const mean_constants *mean, double *out) {
  // Enough sums to hide the latency of an addition, few enough for the registers.
  enum { lanes = MEAN_BYTES / 8, vectors = 8 };
  _Static_assert(mean_width % (vectors * lanes) == 0, "whole vectors");
  typedef double doubles __attribute__((vector_size(8 * lanes)));
  typedef float floats __attribute__((vector_size(4 * lanes)));
  typedef uint32_t words __attribute__((vector_size(4 * lanes)));
  typedef uint16_t halves __attribute__((vector_size(2 * lanes)));
  typedef _Float16 small __attribute__((vector_size(2 * lanes)));
  const doubles high = (doubles){0} + mean->high, low = (doubles){0} + mean->low;
  for (ptrdiff_t start = 0; start < mean_width; start += vectors * lanes) {
    doubles sum[vectors];
    for (ptrdiff_t k = 0; k < inputs; k++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < vectors; i++) {
        const ptrdiff_t at = first + start + i * lanes;
        floats value;
        if (element == CK_F32) {
          memcpy(&value, (const char *)x[k] + 4 * at, sizeof value);
        } else if (element == CK_F16) {
          small half;
          memcpy(&half, (const char *)x[k] + 2 * at, sizeof half);
          value = __builtin_convertvector(half, floats);
        } else {
          halves half;
          memcpy(&half, (const char *)x[k] + 2 * at, sizeof half);
          value = (floats)(__builtin_convertvector(half, words) << 16);
        }
        const doubles wide = __builtin_convertvector(value, doubles);
        sum[i] = k == 0 ? wide : sum[i] + wide;
      }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < vectors; i++) {
      const doubles quotient = __builtin_elementwise_fma(sum[i], high, sum[i] * low);
      memcpy(out + start + i * lanes, &quotient, sizeof quotient);
    }
  }
}

// Means of `mean_width` elements from `first` on, yet to be rounded to the elements' type.
#define IN_DOUBLE(name, element)                                                                            \
  __attribute__((noinline)) static void MEAN(name)(const void *const *x, ptrdiff_t inputs, ptrdiff_t first, \
                                                   const mean_constants *mean, double *out) {               \
    MEAN(quotients_of_sums)(element, x, inputs, first, mean, out);                                          \
  }

IN_DOUBLE(f32_in_double_, CK_F32)
IN_DOUBLE(f16_in_double_, CK_F16)
IN_DOUBLE(bf16_in_double_, CK_BF16)
#undef IN_DOUBLE

BODY void MEAN(in_double)(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                          const mean_constants *mean, double *out) {
  switch (element) {
    case CK_F16: MEAN(f16_in_double_)(x, inputs, first, mean, out); break;
    case CK_BF16: MEAN(bf16_in_double_)(x, inputs, first, mean, out); break;
    default: MEAN(f32_in_double_)(x, inputs, first, mean, out);
  }
}

// 16-bit numbers in float, where the sums in float are those in double.
//
// Ten values of 11 or 8 bits that are about as large have a sum that a float holds, and then the sum in float is the
// sum in double at half the price. The processor says itself whether that was so: an operation whose result is not
// exact raises a flag that stays. So the values are added, 3/2 is multiplied to the sum, which is exact for sums of
// at most 23 bits, and the flag is looked at; elements that raised it are left to the caller, infinities and NaN as
// well.
//
// p = 3/2 s is divided by D = 3/2 d, a number of at most 10 bits as d <= 256 is whole. With y = 1/D rounded, q = p *
// y is wrong by less than two units in the last place, p - q * D therefore exact, and q + (p - q * D) * y rounds a
// number within 2^-46 of the true quotient: the result is a neighbour of it, or itself where it is a float. Rounding
// that to 16 bits is rounding the true quotient unless a tie lies between the two. But for a tie t, s - t * d is a
// multiple of the smaller of their units, so that s/d is t or differs from it by more than 2^-23 s/d, a unit in the
// last place. (A sum in double, rounded to odd as everywhere else, gives the same.)

typedef float MEAN(floats) __attribute__((vector_size(MEAN_BYTES)));
typedef uint32_t MEAN(words) __attribute__((vector_size(MEAN_BYTES)));
typedef _Float16 MEAN(small) __attribute__((vector_size(MEAN_BYTES / 2)));

// 3/2 of the sums of `mean_width` elements from `first` on; of BF16 the even and the odd ones of a vector in turn.
BODY void MEAN(sums)(int is_f16, const void *const *x, ptrdiff_t inputs, ptrdiff_t first, float *out) {
  typedef MEAN(floats) floats;
  typedef MEAN(words) words;
  typedef MEAN(small) small;
  // Enough sums to hide the latency of an addition, few enough for the registers.
  enum { lanes = MEAN_BYTES / 2, vectors = 4 };
  _Static_assert(mean_width % (vectors * lanes) == 0, "whole vectors");
  for (ptrdiff_t start = 0; start < mean_width; start += vectors * lanes) {
    floats sum[2 * vectors];
    for (ptrdiff_t k = 0; k < inputs; k++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < vectors; i++) {
        const char *const from = (const char *)x[k] + 2 * (first + start + i * lanes);
        floats a, b;
        if (is_f16) {
          small low, high;
          memcpy(&low, from, sizeof low);
          memcpy(&high, from + sizeof low, sizeof high);
          a = __builtin_convertvector(low, floats);
          b = __builtin_convertvector(high, floats);
        } else {
          words both;
          memcpy(&both, from, sizeof both);
          a = (floats)(both << 16);
          b = (floats)(both & 0xffff0000);
        }
        sum[2 * i] = k == 0 ? a : sum[2 * i] + a;
        sum[2 * i + 1] = k == 0 ? b : sum[2 * i + 1] + b;
      }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * vectors; i++) {
      const floats scaled = sum[i] * 1.5f;
      memcpy(out + start + i * lanes / 2, &scaled, sizeof scaled);
    }
  }
}

// Rounded quotients; returns whether all are finite.
BODY int MEAN(quotients)(int is_f16, const float *sums, float divisor, uint16_t *out) {
  typedef MEAN(floats) floats;
  typedef MEAN(words) words;
  typedef MEAN(small) small;
  enum { lanes = MEAN_BYTES / 4 };
  const floats d = (floats){0} + divisor, y = (floats){0} + 1 / divisor;
  words largest = {0};
  for (ptrdiff_t i = 0; i < mean_width; i += 2 * lanes) {
    words rounded[2];
#pragma clang loop unroll(full)
    for (int k = 0; k < 2; k++) {
      floats p;
      memcpy(&p, sums + i + k * lanes, sizeof p);
      largest = __builtin_elementwise_max(largest, (words)p & 0x7fffffff);
      const floats q = p * y;
      const floats quotient = __builtin_elementwise_fma(__builtin_elementwise_fma(-q, d, p), y, q);
      // A negative zero would become a positive one.
      rounded[k] = (words)quotient | ((words)p & 0x80000000);
    }
    if (is_f16) {
      const small a = __builtin_convertvector((floats)rounded[0], small);
      const small b = __builtin_convertvector((floats)rounded[1], small);
      memcpy(out + i, &a, sizeof a);
      memcpy(out + i + lanes, &b, sizeof b);
    } else {
      const words even = rounded[0] + 0x7fff + (rounded[0] >> 16 & 1);
      const words odd = rounded[1] + 0x7fff + (rounded[1] >> 16 & 1);
      const words both = even >> 16 | (odd & 0xffff0000);
      memcpy(out + i, &both, sizeof both);
    }
  }
  return __builtin_reduce_max(largest) < 0x7f800000;
}

// The means themselves, of 16-bit elements; returns 0 if they do not hold.
#define IN_FLOAT(name, is_f16)                                                                             \
  __attribute__((noinline)) static int MEAN(name)(const void *const *x, ptrdiff_t inputs, ptrdiff_t first, \
                                                  const mean_constants *mean, void *out) {                 \
    float sums[mean_width];                                                                                \
    clear_flags(&mean->flags);                                                                             \
    MEAN(sums)(is_f16, x, inputs, first, sums);                                                            \
    return !was_inexact(sums) && MEAN(quotients)(is_f16, sums, (float)(1.5 * mean->divisor), out);         \
  }

IN_FLOAT(f16_in_float_, 1)
IN_FLOAT(bf16_in_float_, 0)
#undef IN_FLOAT

BODY int MEAN(in_float)(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                        const mean_constants *mean, void *out) {
  return (element == CK_F16 ? MEAN(f16_in_float_) : MEAN(bf16_in_float_))(x, inputs, first, mean, out);
}
