#pragma once
#include <stddef.h>

#include "ck_window.h"

typedef enum ck_pooling {
  CK_POOL_MAX,
  CK_POOL_MEAN_VALID,   // divide by the number of positions inside the image
  CK_POOL_MEAN_PADDED   // divide by the number of positions inside image and padding
} ck_pooling;

// Rows [first_row, last_row) of a pooled image. `pad_bottom` and `pad_right` bound what CK_POOL_MEAN_PADDED counts.
typedef struct ck_pool {
  ck_window window;
  ptrdiff_t pad_bottom, pad_right;
  ck_pooling kind;
  const float *x;
  ptrdiff_t x_stride;
  float *y;  // of the image's first output pixel
  ptrdiff_t y_stride;
  ptrdiff_t channels;
  ptrdiff_t first_row, last_row;
} ck_pool;
