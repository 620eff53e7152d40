// Kernels of network layers on NHWC float32 maps. A map's pixels stand `stride` elements apart; their channels are
// contiguous. Every output element is computed in an order that depends on the layer alone, so its bits do not depend
// on how rows, images or channels are cut into calls.
#pragma once
#include "ck_bf16_convolution.h"
#include "ck_convolution.h"
#include "ck_half.h"
#include "ck_layers.h"
#include "ck_linear.h"
#include "ck_normalization.h"
#include "ck_pointwise.h"
#include "ck_pooling.h"
#include "ck_window.h"
#include "ck_winograd.h"
