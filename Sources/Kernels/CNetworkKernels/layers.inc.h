// The layer kernels of one instruction set; included once for each of them, with
//   CK_ISA, CK_TARGET  its number, and its name for the compiler, which CK_SCALAR has none of
//   CK_TABLE           the name of the table
//   CK_LANES           floats of a vector
//   CK_TILE            the file with its convolution tile, and CK_PERMUTE for grouped convolutions; without them the
//                      table has neither
// Channels that do not fill a vector go through a padded copy, so that they are computed by the same instructions.

#include <stddef.h>
#include <string.h>

#include "ck_layers.h"

#ifdef CK_TARGET
#pragma clang attribute push(__attribute__((target(CK_TARGET))), apply_to = function)
#endif

#include "vectors.inc.h"
#include "pointwise/pointwise.inc.h"
#include "pooling/pooling.inc.h"
#include "linear/linear.inc.h"
#include "normalization/normalization.inc.h"
#include "depthwise/window.inc.h"
#include "depthwise/depthwise.inc.h"
#include "moments/moments.inc.h"

#ifdef CK_TILE
#include "depthwise/grouped.inc.h"
#include "convolution/tile_ahead.inc.h"
#include CK_TILE
#include "convolution/convolution.inc.h"
#include "winograd/winograd.inc.h"

static void conv(const ck_conv *job) { conv_by(job, tile); }
#endif

#ifdef CK_TARGET
#pragma clang attribute pop
#endif

const ck_layer_kernels CK_TABLE = {
    .isa = CK_ISA,
#ifdef CK_TILE
    .panel_width = PANEL,
    .tile_pixels = 2 * GROUP,
    .conv = conv,
    .grouped = grouped,
    .widest_group = CK_LANES / 2,
    .winograd_fields = winograd_fields,
    .winograd_outputs = winograd_outputs,
#endif
    .lanes = CK_LANES,
    .depthwise = depthwise,
    .pointwise = pointwise,
    .pool = pool,
    .linear = linear,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .moments = moments,
    .global_mean = global_mean};
