#pragma once

#include <stddef.h>
#include <stdint.h>

// Decoding of one image held in memory to 8-bit RGB. Every function is re-entrant and holds nothing between calls:
// the non-local exits of the codec libraries never leave this module.

typedef enum {
  CK_IMAGE_OK = 0,
  CK_IMAGE_UNKNOWN_FORMAT,
  CK_IMAGE_UNSUPPORTED,  // a known format used in a way that has no conversion to RGB
  CK_IMAGE_TRUNCATED,
  CK_IMAGE_CORRUPT,
  CK_IMAGE_NO_MEMORY,
} ck_image_status;

typedef enum {
  CK_IMAGE_FORMAT_UNKNOWN = 0,
  CK_IMAGE_FORMAT_JPEG,
  CK_IMAGE_FORMAT_PNG,
  CK_IMAGE_FORMAT_WEBP,
  CK_IMAGE_FORMAT_BMP,
  CK_IMAGE_FORMAT_PNM,
} ck_image_format;

enum { CK_IMAGE_MESSAGE_SIZE = 256 };

typedef struct {
  ck_image_format format;
  uint32_t width;
  uint32_t height;
  uint32_t reduction;  // each side is this many times smaller than the stored image's: 1, or more for a JPEG
} ck_image_header;

// Reads format and size without decoding pixels. On failure `message` holds the reason, zero-terminated.
ck_image_status ck_image_read_header(
    const uint8_t *data, size_t size, ck_image_header *header, char message[CK_IMAGE_MESSAGE_SIZE]);

// Makes `header` ask for a JPEG reduced by 2, 4 or 8 while it is decoded, as far as the shorter side stays at least
// `side`. Other formats, and images that are small already, stay as they are.
void ck_image_reduce(ck_image_header *header, uint32_t side);

// Decodes into width * height * 3 bytes, rows from top to bottom, R G B. `header` must be what `ck_image_read_header`
// returned for the same bytes, reduced or not. After a failure the contents of `rgb` are unspecified.
ck_image_status ck_image_decode(
    const uint8_t *data, size_t size, const ck_image_header *header, uint8_t *rgb,
    char message[CK_IMAGE_MESSAGE_SIZE]);

// Decodes a PNG of 16 bits into width * height * channels numbers, rows from top to bottom. `channels` must be those of the
// file: 1 for gray, 2 with transparency, 3 for color, 4 with transparency. No gamma or profile is applied.
ck_image_status ck_png_decode_samples(
    const uint8_t *data, size_t size, const ck_image_header *header, uint32_t channels, uint16_t *samples,
    char message[CK_IMAGE_MESSAGE_SIZE]);
