#pragma once
#include <stddef.h>

#include "ck_convolution.h"
#include "ck_processor.h"

// Convolution of bfloat16 numbers: inputs and weights are rounded to them, sums are float32.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_bf16_kernels {
  ck_isa isa;
  // As that of ck_layer_kernels but for weights, from ck_conv_bf16_pack, and the size of the scratch.
  void (*conv)(const ck_conv *);
} ck_bf16_kernels;

// The kernels of `isa`, or NULL where there are none or this processor (or this build) has not got them; and the best
// there are, or NULL.
const ck_bf16_kernels *ck_bf16_kernels_for(ck_isa isa);
const ck_bf16_kernels *ck_bf16_kernels_best(void);

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
