#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ck_processor.h"

// Antialiased resizing of 8-bit RGB images, every byte equal to Pillow's `Image.resize`.

typedef enum {
  CK_RESIZE_NEAREST = 0,
  CK_RESIZE_BOX,
  CK_RESIZE_BILINEAR,
  CK_RESIZE_HAMMING,
  CK_RESIZE_BICUBIC,
  CK_RESIZE_LANCZOS,
} ck_resize_filter;

typedef struct {
  const uint8_t *pixels;  // rows from top to bottom without padding, R G B
  uint32_t width;
  uint32_t height;
} ck_rgb_image;

// A window of the resized image: only what it needs is computed.
typedef struct {
  uint32_t x;
  uint32_t y;
  uint32_t width;
  uint32_t height;
} ck_resize_window;

// The passes of one instruction set; all give the same bytes.
typedef struct ck_resize_kernels ck_resize_kernels;

// The kernels of `isa`, or NULL where there are none or this processor (or this build) has not got them.
const ck_resize_kernels *ck_resize_kernels_for(ck_isa isa);

// Resizes `source` to `width` x `height` and writes the pixels of `window`, which lies inside that size, to `target`
// (rows `target_stride` bytes apart). Sizes are positive and at most 2^30. False when memory runs out.
_Bool ck_resize_rgb8(
    const ck_resize_kernels *kernels, const ck_rgb_image *source, uint32_t width, uint32_t height,
    ck_resize_filter filter, const ck_resize_window *window, uint8_t *target, size_t target_stride);
