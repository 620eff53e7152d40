// The mean of 16-bit tensors in float, where that gives the same bits as the sum in double that it replaces. Included
// once per instruction set, inside its target attribute; MEAN16_BYTES is the size of its vectors.
//
// Ten values of 11 or 8 bits that are about as large have a sum that a float holds, and then the sum in float is the sum
// in double at half the price. The processor says itself whether that was so: an operation whose result is not exact
// raises a flag that stays. So the values are added, 3/2 is multiplied to the sum, which is exact for sums of at most 23
// bits, and the flag is looked at; elements that raised it are left to the caller, infinities and NaN as well.
//
// p = 3/2 s is divided by D = 3/2 d, a number of at most 10 bits as d <= 256 is whole. With y = 1/D rounded, q = p * y is
// wrong by less than two units in the last place, p - q * D therefore exact, and q + (p - q * D) * y rounds a number
// within 2^-46 of the true quotient: the result is a neighbour of it, or itself where it is a float. Rounding that to 16
// bits is rounding the true quotient unless a tie lies between the two. But for a tie t, s - t * d is a multiple of the
// smaller of their units, so that s/d is t or differs from it by more than 2^-23 s/d, a unit in the last place. (A sum
// in double, rounded to odd as everywhere else, gives the same.)

#define MEAN16_JOIN2(a, b) a##b
#define MEAN16_JOIN(a, b) MEAN16_JOIN2(a, b)
#define MEAN16(name) MEAN16_JOIN(name, MEAN16_BYTES)

typedef float MEAN16(floats) __attribute__((vector_size(MEAN16_BYTES)));
typedef uint32_t MEAN16(words) __attribute__((vector_size(MEAN16_BYTES)));
typedef _Float16 MEAN16(small) __attribute__((vector_size(MEAN16_BYTES / 2)));

// 3/2 of the sums of `count` elements from `first` on; of BF16 the even and the odd ones of a vector in turn.
BODY void MEAN16(sums)(int is_f16, const void *const *x, ptrdiff_t inputs, ptrdiff_t first, ptrdiff_t count,
                       float *out) {
  typedef MEAN16(floats) floats;
  typedef MEAN16(words) words;
  typedef MEAN16(small) small;
  // Enough sums to hide the latency of an addition, few enough for the registers.
  enum { lanes = MEAN16_BYTES / 2, vectors = 4 };
  _Static_assert(mean_block % (vectors * lanes) == 0, "whole vectors");
  for (ptrdiff_t start = 0; start < count; start += vectors * lanes) {
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
BODY int MEAN16(quotients)(int is_f16, const float *sums, ptrdiff_t count, float divisor, uint16_t *out) {
  typedef MEAN16(floats) floats;
  typedef MEAN16(words) words;
  typedef MEAN16(small) small;
  enum { lanes = MEAN16_BYTES / 4 };
  const floats d = (floats){0} + divisor, y = (floats){0} + 1 / divisor;
  words largest = {0};
  for (ptrdiff_t i = 0; i < count; i += 2 * lanes) {
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

// `count` means of the elements from `first` on, divided by `divisor`; returns 0 if they do not hold.
#define MEAN16_OF(name, is_f16)                                                                              \
  __attribute__((noinline)) static int MEAN16(name)(const void *const *x, ptrdiff_t inputs, ptrdiff_t first, \
                                                    ptrdiff_t count, double divisor, uint16_t *out) {        \
    float sums[mean_width];                                                                                  \
    clear_inexact();                                                                                         \
    MEAN16(sums)(is_f16, x, inputs, first, count, sums);                                                     \
    return !was_inexact(sums) && MEAN16(quotients)(is_f16, sums, count, (float)(1.5 * divisor), out);        \
  }

MEAN16_OF(mean_f16_, 1)
MEAN16_OF(mean_bf16_, 0)
#undef MEAN16_OF

BODY int MEAN16(mean)(ck_element element, const void *const *x, ptrdiff_t inputs, ptrdiff_t first, ptrdiff_t count,
                      double divisor, uint16_t *out) {
  return (element == CK_F16 ? MEAN16(mean_f16_) : MEAN16(mean_bf16_))(x, inputs, first, count, divisor, out);
}
