#pragma once
#include <stddef.h>
#include <stdint.h>

// Conversion between float32 and IEEE half precision in memory, for scratch space: plain loops that compilers
// vectorise.

// One rounding to nearest, ties to even; infinities and NaN (as a quiet one) stay. The result is the number of finite
// values too large for half precision, which become infinities.
ptrdiff_t ck_half_store(const float *from, uint16_t *to, ptrdiff_t n);

// Exact.
void ck_half_load(const uint16_t *from, float *to, ptrdiff_t n);
