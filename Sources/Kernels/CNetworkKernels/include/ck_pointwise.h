#pragma once
#include <stddef.h>

typedef enum ck_activation {
  CK_IDENTITY,
  CK_RELU,
  CK_RELU6,
  CK_SIGMOID,
  CK_SILU,
  CK_HARD_SIGMOID,
  CK_HARD_SWISH,
  CK_GELU,
  CK_GELU_TANH,
  CK_QUICK_GELU,
  CK_ACTIVATION_COUNT
} ck_activation;

// y = activation(x * scale + shift + residual), per channel; `scale`, `shift` and `residual` may be NULL.
// `y` may be `x` or `residual`.
typedef struct ck_pointwise {
  float *y;
  ptrdiff_t y_stride;
  const float *x;
  ptrdiff_t x_stride;
  const float *residual;
  ptrdiff_t residual_stride;
  const float *scale, *shift;
  ptrdiff_t rows, channels;
  ck_activation activation;
} ck_pointwise;
