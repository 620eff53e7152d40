#pragma once

#include <setjmp.h>

#include "CImageCodecs.h"

// What a codec needs to leave the library it runs in: where to go, and what to say there.
typedef struct {
  jmp_buf exit;
  ckpt_image_status status;
  char *message;
} codec_failure;

// A codec is one function: without `rgb` it tells width and height of the image in `header`, with it it decodes the image
// as `header` has it.
typedef ckpt_image_status codec(
    const uint8_t *data, size_t size, ckpt_image_header *header, uint8_t *rgb, char *message);

codec ckpt_jpeg, ckpt_png, ckpt_webp, ckpt_bmp, ckpt_pnm;
