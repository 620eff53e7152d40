// The kernels of averaging for one instruction set: plain C that the compiler vectorises. Included once for each of
// them, with
//   CK_ISA, CK_TARGET  its number, and its name for the compiler, which CK_SCALAR has none of
//   CK_TABLE           the name of the table
//   CK_VECTOR_BYTES    the size of its vectors; without it there is one way to a mean only

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ck_average.h"

// A fused multiply-add would give other bits on processors that have one.
#pragma STDC FP_CONTRACT OFF

#ifdef CK_TARGET
#pragma clang attribute push(__attribute__((target(CK_TARGET))), apply_to = function)
#endif

#define CK_INLINE static inline __attribute__((always_inline))

#include "elements.inc.h"
#include "sums.inc.h"

static void accumulate(ck_element element, const void *const *x, const double *keep, const double *add,
                       ptrdiff_t inputs, ptrdiff_t count, int resume, double *sum) {
  accumulate_from(element, x, keep, add, inputs, 0, count, resume, sum);
}

// Elements that are summed and rounded at a time, so that their sums are still in the first cache. Of the shorter ways
// to means of 16-bit numbers, all of a strip go the long one if one has to: a longer strip makes that likelier, a
// shorter one costs more looks at the flag.
enum { strip = 256 };

#ifdef CK_VECTOR_BYTES
#include "mean.inc.h"
#endif

static int combine(ck_element from, ck_element to, const void *const *x, const double *keep, const double *add,
                   ptrdiff_t inputs, ptrdiff_t count, double divisor, void *out) {
  const ptrdiff_t size = to == CK_F64 ? 8 : to == CK_F32 ? 4 : 2;
#ifdef CK_VECTOR_BYTES
  mean_constants mean;
  const int means = is_mean(from, to, keep, add, inputs, divisor, &mean);
#endif
  double sum[strip];
  int bad = 0;
  for (ptrdiff_t first = 0; first < count; first += strip) {
    const ptrdiff_t n = count - first < strip ? count - first : strip;
    char *const results = (char *)out + size * first;
#ifdef CK_VECTOR_BYTES
    if (means && n == strip) {
      if (from == CK_F32 || !means_in_float(from, x, inputs, first, &mean, results)) {
        means_in_double(from, x, inputs, first, &mean, sum);
        bad |= round_sums(to, sum, 1, strip, results);
      }
      continue;
    }
#endif
    accumulate_from(from, x, keep, add, inputs, first, n, 0, sum);
    bad |= round_sums(to, sum, divisor, n, results);
  }
  return bad;
}

// Neighbours are put in order, even pairs and odd pairs in turn, all elements side by side: as many rounds as there are
// values sort them (Knuth, The Art of Computer Programming 3, exercise 5.3.4-37).
static int trimmed_sum(double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t trim,
                       double *sum) {
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
static void welford(const double *x, double number, ptrdiff_t count, double *mean, double *m2) {
  for (ptrdiff_t i = 0; i < count; i++) {
    const double delta = x[i] - mean[i];
    mean[i] += delta / number;
    m2[i] += delta * (x[i] - mean[i]);
  }
}

#ifdef CK_TARGET
#pragma clang attribute pop
#endif

const ck_average_kernels CK_TABLE = {
    .isa = CK_ISA,
    .accumulate = accumulate,
    .round = round_sums,
    .combine = combine,
    .trimmed_sum = trimmed_sum,
    .welford = welford};
