#pragma once
#include <stddef.h>

// Mean and sum of squared deviations of every column of a matrix of `rows` > 0 rows, accumulated in double in the
// order of the rows. `stride` is the distance between rows in elements.
void ck_channel_moments(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean,
                        double *m2);
