#pragma once
#include <stddef.h>

#include "ck_pointwise.h"
#include "ck_window.h"

// A dense convolution with what follows it: output rows [first_row, last_row) of images [first_image, last_image) and
// the output channels of panels [first_panel, last_panel). A panel is `panel_width` output channels.
typedef struct ck_conv {
  ck_window window;
  const float *x;
  ptrdiff_t x_stride, x_image;  // distance between pixels (all channels are read) and between images
  ptrdiff_t channels;
  float *y;
  ptrdiff_t y_stride, y_image;
  const float *residual;  // of the layout of y, or NULL
  ptrdiff_t outputs;
  const float *weight;  // [panel][kernel_height][kernel_width][channels][panel_width], filled up with zeros
  const float *scale, *shift;  // per output channel, or NULL
  ck_activation activation;
  ptrdiff_t first_image, last_image, first_row, last_row, first_panel, last_panel;
  float *scratch;  // ck_conv_scratch floats
  ptrdiff_t group_width;  // read by `grouped` alone
} ck_conv;

// Floats of scratch that a ck_conv job over `rows` rows needs. Inputs of windows without padding are read in place, up
// to 14 * stride_x pixels beyond their end.
ptrdiff_t ck_conv_scratch(const ck_window *window, ptrdiff_t channels, ptrdiff_t rows);

// The input rows of output rows [first_row, last_row) with the window's zeros around them.
void ck_pad(float *to, const float *x, ptrdiff_t x_stride, ptrdiff_t channels, const ck_window *window,
            ptrdiff_t first_row, ptrdiff_t last_row);

// Packs [depth][outputs] into panels.
void ck_conv_pack(float *panels, const float *matrix, ptrdiff_t depth, ptrdiff_t outputs, ptrdiff_t panel_width);

// The matrix whose rows are the receptive fields of output pixels in rows [first_row, last_row) of an image, as
// [kernel_height][kernel_width][channels]; zeros outside of the image.
void ck_im2col(float *matrix, const float *x, ptrdiff_t x_stride, ptrdiff_t channels, const ck_window *window,
               ptrdiff_t first_row, ptrdiff_t last_row);
