#pragma once
#include <stddef.h>

#include "ck_processor.h"

// The element types that are read and written without a detour.
typedef enum { CK_F64, CK_F32, CK_F16, CK_BF16 } ck_element;

// Weighted means of many arrays. All instruction sets do the same operations in the same order and without fused
// multiply-add, so that their results are equal in every bit.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_average_kernels {
  ck_isa isa;

  // sum[i] = keep[k] * sum[i] + add[k] * x[k][i] for k = 0, 1, ... `inputs` - 1, in double. If `resume` is 0 there is
  // no earlier sum: it starts as add[0] * x[0][i] (and keeps the sign of a zero). The inputs need no alignment.
  void (*accumulate)(ck_element element, const void *const *x, const double *keep, const double *add, ptrdiff_t inputs,
                     ptrdiff_t count, int resume, double *sum);

  // out[i] = sum[i] / divisor, rounded to the element type: once, to nearest, ties to even. Returns 0 if all results
  // are finite. `out` needs no alignment.
  int (*round)(ck_element element, const double *sum, double divisor, ptrdiff_t count, void *out);

  // Both at once: the sum of one to all inputs from the beginning, divided and rounded to another element type. The
  // bytes are those of the two calls; sums of 16-bit numbers may take a shorter way to them.
  int (*combine)(ck_element from, ck_element to, const void *const *x, const double *keep, const double *add,
                 ptrdiff_t inputs, ptrdiff_t count, double divisor, void *out);

  // sum[i] = the sum, in ascending order, of values[k * stride + i] over k without the `trim` smallest and largest of
  // the `inputs` values. The values are sorted in place. Returns nonzero if a value is not finite; the sums are then
  // void.
  int (*trimmed_sum)(double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t trim, double *sum);

  // Welford's update of means and sums of squared deviations by one more value of each, the `number`th.
  void (*welford)(const double *x, double number, ptrdiff_t count, double *mean, double *m2);
} ck_average_kernels;

// The kernels of `isa`, or NULL where this processor (or this build) has not got them; and the best there are.
const ck_average_kernels *ck_average_kernels_for(ck_isa isa);
const ck_average_kernels *ck_average_kernels_best(void);
