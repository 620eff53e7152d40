#pragma once

#include <setjmp.h>

#include "CImageCodecs.h"

// What a codec needs to leave the library it runs in: where to go, and what to say there.
typedef struct {
  jmp_buf exit;
  ckpt_image_status status;
  char *message;
} codec_failure;

ckpt_image_status ckpt_jpeg_read_header(const uint8_t *data, size_t size, ckpt_image_header *header, char *message);
ckpt_image_status ckpt_jpeg_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb, char *message);

ckpt_image_status ckpt_png_read_header(const uint8_t *data, size_t size, ckpt_image_header *header, char *message);
ckpt_image_status ckpt_png_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb, char *message);

ckpt_image_status ckpt_webp_read_header(const uint8_t *data, size_t size, ckpt_image_header *header, char *message);
ckpt_image_status ckpt_webp_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb, char *message);

ckpt_image_status ckpt_bmp_read_header(const uint8_t *data, size_t size, ckpt_image_header *header, char *message);
ckpt_image_status ckpt_bmp_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb, char *message);

ckpt_image_status ckpt_pnm_read_header(const uint8_t *data, size_t size, ckpt_image_header *header, char *message);
ckpt_image_status ckpt_pnm_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb, char *message);
