#pragma once

#include <stddef.h>
#include <stdint.h>

// Decoding of one image held in memory to 8-bit RGB. Every function is re-entrant and holds nothing between calls:
// the non-local exits of the codec libraries never leave this module.

typedef enum {
  CKPT_IMAGE_OK = 0,
  CKPT_IMAGE_UNKNOWN_FORMAT,
  CKPT_IMAGE_UNSUPPORTED,  // a known format used in a way that has no conversion to RGB
  CKPT_IMAGE_TRUNCATED,
  CKPT_IMAGE_CORRUPT,
  CKPT_IMAGE_NO_MEMORY,
} ckpt_image_status;

typedef enum {
  CKPT_IMAGE_FORMAT_UNKNOWN = 0,
  CKPT_IMAGE_FORMAT_JPEG,
  CKPT_IMAGE_FORMAT_PNG,
  CKPT_IMAGE_FORMAT_WEBP,
  CKPT_IMAGE_FORMAT_BMP,
  CKPT_IMAGE_FORMAT_PNM,
} ckpt_image_format;

enum { CKPT_IMAGE_MESSAGE_SIZE = 256 };

typedef struct {
  ckpt_image_format format;
  uint32_t width;
  uint32_t height;
  uint32_t reduction;  // each side is this many times smaller than the stored image's: 1, or more for a JPEG
} ckpt_image_header;

// The format by the first bytes.
ckpt_image_format ckpt_image_sniff(const uint8_t *data, size_t size);

// Reads format and size without decoding pixels. On failure `message` holds the reason, zero-terminated.
ckpt_image_status ckpt_image_read_header(
    const uint8_t *data, size_t size, ckpt_image_header *header, char message[CKPT_IMAGE_MESSAGE_SIZE]);

// Makes `header` ask for a JPEG reduced by 2, 4 or 8 while it is decoded, as far as the shorter side stays at least
// `side`. Other formats, and images that are small already, stay as they are.
void ckpt_image_reduce(ckpt_image_header *header, uint32_t side);

// Decodes into width * height * 3 bytes, rows from top to bottom, R G B. `header` must be what
// `ckpt_image_read_header` returned for the same bytes, reduced or not. After a failure the contents of `rgb` are unspecified.
ckpt_image_status ckpt_image_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb,
    char message[CKPT_IMAGE_MESSAGE_SIZE]);
