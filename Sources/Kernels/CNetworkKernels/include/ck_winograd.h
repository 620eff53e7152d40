#pragma once
#include <stddef.h>

#include "ck_pointwise.h"

// Panels of products that `winograd_outputs` keeps at a time.
enum { CK_WINOGRAD_PANELS = 4 };

// A 3x3 convolution of stride 1 by Winograd's minimal filtering (Lavin, Gray 2016): every tile of 4x4 outputs takes 36
// products per pair of channels instead of 144, every tile of 2x2 outputs 16 instead of 36. Tiles are counted through
// rows and images.
typedef struct ck_winograd {
  ptrdiff_t side;  // outputs of a tile along each axis, 4 or 2; `elements` below are (side + 2)^2
  const float *x;
  ptrdiff_t x_stride, x_image;
  ptrdiff_t height, width, channels;  // of the input
  ptrdiff_t pad_top, pad_left;
  // What is transformed is in_activation(x * in_scale + in_shift), or x itself where in_scale is NULL.
  const float *in_scale, *in_shift;
  ck_activation in_activation;
  float *y;
  ptrdiff_t y_stride, y_image;
  const float *residual;  // of the layout of y, or NULL
  ptrdiff_t out_height, out_width, outputs;
  const float *weight;  // [panel][elements][channels][panel_width]
  const float *scale, *shift;
  ck_activation activation;
  ptrdiff_t first_tile, last_tile;
  float *fields;  // [elements][field_tiles][channels], its first row being that of first_tile; 14 rows more may be read
  ptrdiff_t field_tiles;
  ptrdiff_t first_panel, last_panel;
  // [panels, at most CK_WINOGRAD_PANELS][elements][tiles, a multiple of tile_pixels][panel_width]
  float *products;
} ck_winograd;

// Transforms 3x3 kernels [3][3][channels][outputs] into panels of ck_winograd, computed in double.
void ck_winograd_pack(float *panels, const float *matrix, ptrdiff_t side, ptrdiff_t channels, ptrdiff_t outputs,
                      ptrdiff_t panel_width);
