// Kernels of network layers on NHWC float32 maps. A map's pixels stand `stride` elements apart; their channels are
// contiguous. Every output element is computed in an order that depends on the layer alone, so its bits do not
// depend on how rows, images or channels are cut into calls.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ck_activation {
  ck_identity,
  ck_relu,
  ck_relu6,
  ck_sigmoid,
  ck_silu,
  ck_hard_sigmoid,
  ck_hard_swish,
  ck_activation_count
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

// The geometry of a sliding window over one image.
typedef struct ck_window {
  ptrdiff_t height, width;              // of the input
  ptrdiff_t out_height, out_width;
  ptrdiff_t kernel_height, kernel_width;
  ptrdiff_t stride_y, stride_x;
  ptrdiff_t pad_top, pad_left;
  ptrdiff_t dilation_y, dilation_x;
} ck_window;

typedef enum ck_pooling {
  ck_max,
  ck_mean_valid,   // divide by the number of positions inside the image
  ck_mean_padded   // divide by the number of positions inside image and padding
} ck_pooling;

// Rows [first_row, last_row) of a pooled image. `pad_bottom` and `pad_right` bound what ck_mean_padded counts.
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

// The kernels of one instruction set.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_layer_kernels {
  const char *name;
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
  // Narrow groups: `group_width` inputs and outputs each, `weight` is [kernel_height][kernel_width][group_width][channels],
  // every output channel's inputs one after the other. The width divides widest_group, a whole vector the channels.
  void (*grouped)(const ck_conv *);
  ptrdiff_t widest_group;  // 0 where there is no `grouped`
  ptrdiff_t lanes;         // floats per vector
  void (*pointwise)(const ck_pointwise *);
  void (*pool)(const ck_pool *);
  void (*linear)(const ck_linear *);
  // As ck_channel_moments.
  void (*moments)(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean, double *m2);
  // Mean over all pixels of an image, summed row of the map by row of the map.
  void (*global_mean)(float *y, const float *x, ptrdiff_t height, ptrdiff_t width, ptrdiff_t stride,
                      ptrdiff_t channels);
} ck_layer_kernels;

typedef enum ck_isa { ck_baseline, ck_avx2, ck_avx512, ck_isa_count } ck_isa;

// The kernels of `isa`, or NULL where this processor (or this build) has not got it.
const ck_layer_kernels *ck_layer_kernels_for(ck_isa isa);

// The best instruction set of this processor.
ck_isa ck_best_isa(void);

// Kernels for bfloat16 numbers: inputs and weights are rounded to them, sums are float32.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_bf16_kernels {
  const char *name;
  // As that of ck_layer_kernels but for weights, from ck_conv_bf16_pack, and the size of the scratch.
  void (*conv)(const ck_conv *);
} ck_bf16_kernels;

typedef enum ck_bf16_isa { ck_bf16_avx512, ck_bf16_amx, ck_bf16_isa_count } ck_bf16_isa;

// The kernels of `isa`, or NULL where this processor (or this build) has not got it; and the best there are.
const ck_bf16_kernels *ck_bf16_kernels_for(ck_bf16_isa isa);
const ck_bf16_kernels *ck_best_bf16(void);

// Output channels of a panel; input channels are filled up to a multiple.
enum { CK_BF16_PANEL = 32, CK_BF16_CHANNELS = 32 };

// Pairs of channels that a pixel has with those filled up.
ptrdiff_t ck_conv_bf16_pairs(ptrdiff_t channels);

// Floats of scratch that a job over `rows` rows needs.
ptrdiff_t ck_conv_bf16_scratch(const ck_window *window, ptrdiff_t channels, ptrdiff_t rows);

// Floats of memory of one panel of weights.
ptrdiff_t ck_conv_bf16_panel(ptrdiff_t taps, ptrdiff_t channels);

// Rounds and packs [taps][channels][outputs] into panels [taps][channels / 2][CK_BF16_PANEL][2].
void ck_conv_bf16_pack(float *panels, const float *matrix, ptrdiff_t taps, ptrdiff_t channels, ptrdiff_t outputs);

// The matrix whose rows are the receptive fields of output pixels in rows [first_row, last_row) of an image, as
// [kernel_height][kernel_width][channels]; zeros outside of the image.
void ck_im2col(float *matrix, const float *x, ptrdiff_t x_stride, ptrdiff_t channels, const ck_window *window,
               ptrdiff_t first_row, ptrdiff_t last_row);

#ifdef __cplusplus
}
#endif
