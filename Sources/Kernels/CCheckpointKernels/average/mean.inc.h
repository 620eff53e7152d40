// Means by shorter ways than summing and dividing, which give the same bits. CK_VECTOR_BYTES is the size of the
// instruction set's vectors.

// A divisor, its reciprocal rounded towards zero and what that leaves, and the flags to begin with.
typedef struct {
  double divisor, high, low;
  unsigned flags;
} mean_constants;

// The flags as `state` has them: cleared.
CK_INLINE void clear_flags(const unsigned *state) { __asm__ volatile("ldmxcsr %0" : : "m"(*state) : "memory"); }

CK_INLINE unsigned cleared_flags(void) { return _mm_getcsr() & ~_MM_EXCEPT_MASK; }

// Whether an operation on the way to what `results` holds was.
CK_INLINE int was_inexact(const float *results) {
  __asm__ volatile("" : : "r"(results) : "memory");
  return (_mm_getcsr() & _MM_EXCEPT_INEXACT) != 0;
}

// Emulators such as Valgrind do not keep the flags.
CK_INLINE int has_inexact_flag(void) {
  volatile float one = 1, sum[1];
  const unsigned state = cleared_flags();
  clear_flags(&state);
  sum[0] = one + 0x1p-30f;
  return was_inexact((const float *)sum);
}

// Whether the result is a mean of which there are shorter ways.
CK_INLINE int is_mean(ck_element from, ck_element to, const double *keep, const double *add, ptrdiff_t inputs,
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

// Sums in double, of any of the types. The sums stay in registers and nothing is divided, which would take as long as
// ten additions: with h = 1/d rounded towards zero and l = 1/d - h, the fused s * h + s * l rounds a number within
// 2^-100 of s/d. That is s/d rounded, as s/d is no nearer than 2^-62 to a point m halfway between two doubles: s and
// m * d, with d <= 256 whole, are multiples of half a unit in the last place of s/d, and differ since m * d has more
// than 53 bits. Both products have the sign of s, so that a zero keeps its own. Sums of floats are far from the ends
// of double's range.
CK_INLINE void double_quotients(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                const mean_constants *mean, double *out) {
  // Enough sums to hide the latency of an addition, few enough for the registers.
  enum { lanes = CK_VECTOR_BYTES / 8, vectors = 8 };
  _Static_assert(strip % (vectors * lanes) == 0, "whole vectors");
  typedef double doubles __attribute__((vector_size(8 * lanes)));
  typedef float floats __attribute__((vector_size(4 * lanes)));
  typedef uint32_t words __attribute__((vector_size(4 * lanes)));
  typedef uint16_t halves __attribute__((vector_size(2 * lanes)));
  typedef _Float16 small __attribute__((vector_size(2 * lanes)));
  const doubles high = (doubles){0} + mean->high, low = (doubles){0} + mean->low;
  for (ptrdiff_t start = 0; start < strip; start += vectors * lanes) {
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

// One loop per element type, which keeps the registers to itself.
#define CK_NOINLINE __attribute__((noinline)) static

CK_NOINLINE void f32_means_in_double(const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                     const mean_constants *mean, double *out) {
  double_quotients(CK_F32, x, inputs, first, mean, out);
}
CK_NOINLINE void f16_means_in_double(const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                     const mean_constants *mean, double *out) {
  double_quotients(CK_F16, x, inputs, first, mean, out);
}
CK_NOINLINE void bf16_means_in_double(const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                      const mean_constants *mean, double *out) {
  double_quotients(CK_BF16, x, inputs, first, mean, out);
}

// Means of `strip` elements from `first` on, yet to be rounded to the elements' type.
CK_INLINE void means_in_double(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                               const mean_constants *mean, double *out) {
  switch (element) {
    case CK_F16: f16_means_in_double(x, inputs, first, mean, out); break;
    case CK_BF16: bf16_means_in_double(x, inputs, first, mean, out); break;
    default: f32_means_in_double(x, inputs, first, mean, out);
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

typedef float floats __attribute__((vector_size(CK_VECTOR_BYTES)));
typedef uint32_t words __attribute__((vector_size(CK_VECTOR_BYTES)));
typedef _Float16 small __attribute__((vector_size(CK_VECTOR_BYTES / 2)));

// 3/2 of the sums of `strip` elements from `first` on; of BF16 the even and the odd ones of a vector in turn.
CK_INLINE void float_sums(int is_f16, const void *const *x, ptrdiff_t inputs, ptrdiff_t first, float *out) {
  // Enough sums to hide the latency of an addition, few enough for the registers.
  enum { lanes = CK_VECTOR_BYTES / 2, vectors = 4 };
  _Static_assert(strip % (vectors * lanes) == 0, "whole vectors");
  for (ptrdiff_t start = 0; start < strip; start += vectors * lanes) {
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
CK_INLINE int float_quotients(int is_f16, const float *sums, float divisor, uint16_t *out) {
  enum { lanes = CK_VECTOR_BYTES / 4 };
  const floats d = (floats){0} + divisor, y = (floats){0} + 1 / divisor;
  words largest = {0};
  for (ptrdiff_t i = 0; i < strip; i += 2 * lanes) {
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

CK_INLINE int quotients_of_exact_sums(int is_f16, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                      const mean_constants *mean, void *out) {
  float sums[strip];
  clear_flags(&mean->flags);
  float_sums(is_f16, x, inputs, first, sums);
  return !was_inexact(sums) && float_quotients(is_f16, sums, (float)(1.5 * mean->divisor), out);
}

CK_NOINLINE int f16_means_in_float(const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                   const mean_constants *mean, void *out) {
  return quotients_of_exact_sums(1, x, inputs, first, mean, out);
}
CK_NOINLINE int bf16_means_in_float(const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                                    const mean_constants *mean, void *out) {
  return quotients_of_exact_sums(0, x, inputs, first, mean, out);
}

// The means themselves, of 16-bit elements; returns 0 if they do not hold.
CK_INLINE int means_in_float(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first,
                             const mean_constants *mean, void *out) {
  return (element == CK_F16 ? f16_means_in_float : bf16_means_in_float)(x, inputs, first, mean, out);
}
