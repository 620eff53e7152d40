#pragma once
#include <stddef.h>

// y[i][o] = sum_k x[i][k] w[o][k] + bias[o] for o in [first_output, last_output); bias may be NULL.
typedef struct ck_linear {
  float *y;
  ptrdiff_t y_stride;
  const float *x;
  ptrdiff_t x_stride;
  const float *weight;  // [outputs][inputs]
  const float *bias;
  ptrdiff_t rows, inputs;
  ptrdiff_t first_output, last_output;
} ck_linear;
