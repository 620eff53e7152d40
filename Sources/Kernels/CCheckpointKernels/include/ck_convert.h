#pragma once
#include <stdbool.h>
#include <stddef.h>

// Conversion between stored floats (any alignment, little-endian) and doubles.

typedef enum { CK_F8_E5M2, CK_F8_E4M3, CK_F8_E8M0, CK_F8_E4M3FNUZ, CK_F8_E5M2FNUZ } ck_f8_kind;

void ck_widen_f32(const void *from, double *to, ptrdiff_t n);
void ck_widen_bf16(const void *from, double *to, ptrdiff_t n);
void ck_widen_f16(const void *from, double *to, ptrdiff_t n);
void ck_widen_f8(ck_f8_kind kind, const void *from, double *to, ptrdiff_t n);

// One rounding to nearest, ties to even. The result is the index of the first value out of range, or -1. Such a value
// becomes infinity, NaN where there is none, or with `saturate` the largest finite value of its sign.
ptrdiff_t ck_narrow_f32(const double *from, void *to, ptrdiff_t n, bool saturate);
ptrdiff_t ck_narrow_bf16(const double *from, void *to, ptrdiff_t n, bool saturate);
ptrdiff_t ck_narrow_f16(const double *from, void *to, ptrdiff_t n, bool saturate);
ptrdiff_t ck_narrow_f8(ck_f8_kind kind, const double *from, void *to, ptrdiff_t n, bool saturate);
