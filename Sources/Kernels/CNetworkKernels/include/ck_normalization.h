#pragma once
#include <stddef.h>

// y = (x - mean) / sqrt(variance + eps) * weight + bias over the channels of every row; `weight` and `bias` may be NULL,
// `y` may be `x`.
typedef struct ck_layer_norm {
  float *y;
  ptrdiff_t y_stride;
  const float *x;
  ptrdiff_t x_stride;
  const float *weight, *bias;
  ptrdiff_t rows, channels;
  float eps;
} ck_layer_norm;

// The softmax of every row of x + bias, in place; `bias` may be NULL.
typedef struct ck_softmax {
  float *x;
  ptrdiff_t x_stride;
  const float *bias;
  ptrdiff_t bias_stride;
  ptrdiff_t rows, columns;
} ck_softmax;
