#pragma once
#include <stddef.h>

// Instruction sets a kernel is compiled for. All of them do the same operations in the same order and without fused
// multiply-add, so that their results are equal in every bit.
typedef enum { CK_AVERAGE_PLAIN, CK_AVERAGE_AVX2, CK_AVERAGE_AVX512 } ck_average_variant;

// The element types that are read and written without a detour.
typedef enum { CK_F64, CK_F32, CK_F16, CK_BF16 } ck_element;

// The best variant this processor runs, and whether it runs a given one.
ck_average_variant ck_average_best(void);
int ck_average_supported(ck_average_variant variant);

// sum[i] = keep[k] * sum[i] + add[k] * x[k][i] for k = 0, 1, … `inputs` - 1, in double. If `resume` is 0 there is no
// earlier sum: it starts as add[0] * x[0][i] (and keeps the sign of a zero). The inputs need no alignment.
void ck_average_accumulate(ck_average_variant variant, ck_element element, const void *const *x, const double *keep,
                           const double *add, ptrdiff_t inputs, ptrdiff_t count, int resume, double *sum);

// out[i] = sum[i] / divisor, rounded to the element type: once, to nearest, ties to even. Returns 0 if all results are
// finite. `out` needs no alignment.
int ck_average_round(ck_average_variant variant, ck_element element, const double *sum, double divisor,
                     ptrdiff_t count, void *out);

// Both at once: the sum of one to all inputs from the beginning, divided and rounded to another element type. The
// bytes are those of the two calls; sums of 16-bit numbers may take a shorter way to them.
int ck_average_combine(ck_average_variant variant, ck_element from, ck_element to, const void *const *x,
                       const double *keep, const double *add, ptrdiff_t inputs, ptrdiff_t count, double divisor,
                       void *out);

// sum[i] = the sum, in ascending order, of values[k * stride + i] over k without the `trim` smallest and largest of the
// `inputs` values. The values are sorted in place. Returns nonzero if a value is not finite; the sums are then void.
int ck_trimmed_sum(ck_average_variant variant, double *values, ptrdiff_t inputs, ptrdiff_t stride, ptrdiff_t count,
                   ptrdiff_t trim, double *sum);

// Welford's update of means and sums of squared deviations by one more value of each, the `number`th.
void ck_welford(ck_average_variant variant, const double *x, double number, ptrdiff_t count, double *mean, double *m2);
