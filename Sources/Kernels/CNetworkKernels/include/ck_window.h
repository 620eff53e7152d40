#pragma once
#include <stddef.h>

// The geometry of a sliding window over one image.
typedef struct ck_window {
  ptrdiff_t height, width;              // of the input
  ptrdiff_t out_height, out_width;
  ptrdiff_t kernel_height, kernel_width;
  ptrdiff_t stride_y, stride_x;
  ptrdiff_t pad_top, pad_left;
  ptrdiff_t dilation_y, dilation_x;
} ck_window;
