#pragma once

#include <stddef.h>
#include <stdint.h>

// Antialiased resizing of 8-bit RGB images, every byte equal to Pillow's `Image.resize`.

typedef enum {
  CKPT_RESIZE_NEAREST = 0,
  CKPT_RESIZE_BOX,
  CKPT_RESIZE_BILINEAR,
  CKPT_RESIZE_HAMMING,
  CKPT_RESIZE_BICUBIC,
  CKPT_RESIZE_LANCZOS,
} ckpt_resize_filter;

typedef struct {
  const uint8_t *pixels;  // rows from top to bottom without padding, R G B
  uint32_t width;
  uint32_t height;
} ckpt_rgb_image;

// A window of the resized image: only what it needs is computed.
typedef struct {
  uint32_t x;
  uint32_t y;
  uint32_t width;
  uint32_t height;
} ckpt_window;

// Implementations; all give the same bytes.
typedef enum {
  CKPT_RESIZE_PORTABLE = 0,
  CKPT_RESIZE_AVX2,
} ckpt_resize_variant;

// Whether this processor can run a variant.
_Bool ckpt_resize_is_available(ckpt_resize_variant variant);

// Resizes `source` to `width` x `height` by an available variant and writes the pixels of `window`, which lies inside
// that size, to `target` (rows `target_stride` bytes apart). Sizes are positive and at most 2^30. False when memory
// runs out.
_Bool ckpt_resize_rgb8(
    ckpt_resize_variant variant, const ckpt_rgb_image *source, uint32_t width, uint32_t height,
    ckpt_resize_filter filter, const ckpt_window *window, uint8_t *target, size_t target_stride);
