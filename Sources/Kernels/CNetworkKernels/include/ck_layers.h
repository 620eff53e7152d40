#pragma once
#include <stddef.h>

#include "ck_convolution.h"
#include "ck_linear.h"
#include "ck_normalization.h"
#include "ck_pointwise.h"
#include "ck_pooling.h"
#include "ck_processor.h"
#include "ck_winograd.h"

// The kernels of one instruction set.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_layer_kernels {
  ck_isa isa;
  // Output channels per panel of `conv`; 0 where there is no `conv`.
  ptrdiff_t panel_width;
  // Output pixels (of `conv`) or tiles (of `winograd`) that are multiplied at once.
  ptrdiff_t tile_pixels;
  void (*conv)(const ck_conv *);
  // Fills `fields` for a range of tiles; then multiplies them with a range of panels.
  void (*winograd_fields)(const ck_winograd *);
  void (*winograd_outputs)(const ck_winograd *);
  // One filter per channel: `weight` is [kernel_height][kernel_width][channels]; panels and scratch are not used.
  void (*depthwise)(const ck_conv *);
  // Narrow groups: `group_width` inputs and outputs each, `weight` is
  // [kernel_height][kernel_width][group_width][channels], every output channel's inputs one after the other. The width
  // divides widest_group, a whole vector the channels.
  void (*grouped)(const ck_conv *);
  ptrdiff_t widest_group;  // 0 where there is no `grouped`
  ptrdiff_t lanes;         // floats per vector
  void (*pointwise)(const ck_pointwise *);
  void (*pool)(const ck_pool *);
  void (*linear)(const ck_linear *);
  void (*layer_norm)(const ck_layer_norm *);
  void (*softmax)(const ck_softmax *);
  // Mean and sum of squared deviations of every column of a matrix of `rows` > 0 rows, accumulated in double in the
  // order of the rows. `stride` is the distance between rows in elements.
  void (*moments)(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean, double *m2);
  // Mean over all pixels of an image, summed row of the map by row of the map.
  void (*global_mean)(float *y, const float *x, ptrdiff_t height, ptrdiff_t width, ptrdiff_t stride,
                      ptrdiff_t channels);
} ck_layer_kernels;

// The kernels of `isa`, or NULL where there are none or this processor (or this build) has not got them; and the best
// there are.
const ck_layer_kernels *ck_layer_kernels_for(ck_isa isa);
const ck_layer_kernels *ck_layer_kernels_best(void);
