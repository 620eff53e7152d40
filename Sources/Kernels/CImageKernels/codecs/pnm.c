#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"

// PBM, PGM and PPM, plain (P1 to P3) and binary (P4 to P6), of any maximum value up to 65535, as netpbm's pages pbm(5),
// pgm(5) and ppm(5) describe them and Pillow decodes them: samples are scaled to 0…255 and rounded to even, but grey of a
// maximum above 255 is scaled to 0…65535 and then clipped at 255.

typedef struct {
  size_t position;  // of the first sample
  uint32_t width;
  uint32_t height;
  uint32_t maximum;  // 1 for bits
  uint32_t channels;
  _Bool plain;
  _Bool bits;
} pnm_image;

static _Bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Moves over white space and comments, which end with their line.
static void skip_space(const uint8_t *data, size_t size, size_t *position) {
  while (*position < size && (is_space(data[*position]) || data[*position] == '#')) {
    if (data[*position] == '#')
      while (*position < size && data[*position] != '\n' && data[*position] != '\r') (*position)++;
    else
      (*position)++;
  }
}

// Reads a decimal number after white space and comments.
static _Bool read_number(const uint8_t *data, size_t size, size_t *position, uint32_t *number) {
  skip_space(data, size, position);
  size_t digits = 0;
  *number = 0;
  for (; *position < size && data[*position] >= '0' && data[*position] <= '9'; (*position)++, digits++) {
    if (digits == 9) return 0;
    *number = *number * 10 + (uint32_t)(data[*position] - '0');
  }
  return digits > 0;
}

static ck_image_status parse(const uint8_t *data, size_t size, pnm_image *image, char *message) {
  uint8_t kind = data[1];
  image->channels = kind == '3' || kind == '6' ? 3 : 1;
  image->plain = kind <= '3';
  image->bits = kind == '1' || kind == '4';
  image->maximum = 1;
  image->position = 2;
  _Bool complete = size > 2 && (is_space(data[2]) || data[2] == '#') &&
                   read_number(data, size, &image->position, &image->width) &&
                   read_number(data, size, &image->position, &image->height) &&
                   (image->bits || read_number(data, size, &image->position, &image->maximum)) &&
                   image->position < size && is_space(data[image->position]);
  if (!complete) {
    snprintf(message, CK_IMAGE_MESSAGE_SIZE, "PNM: bad or truncated header");
    return CK_IMAGE_CORRUPT;
  }
  image->position++;
  if (image->maximum == 0 || image->maximum > 65535) {
    snprintf(message, CK_IMAGE_MESSAGE_SIZE, "PNM: maximum value %u, expected 1 to 65535", image->maximum);
    return CK_IMAGE_CORRUPT;
  }
  return CK_IMAGE_OK;
}

// A sample as 8 bits. Bits are ink: 1 is black.
static uint8_t scaled(const pnm_image *image, uint32_t sample) {
  if (image->bits) return sample ? 0 : 255;
  if (image->maximum == 255) return (uint8_t)sample;
  double limit = image->channels == 1 && image->maximum > 255 ? 65535 : 255;
  double value = nearbyint((double)sample / (double)image->maximum * limit);
  return value < 255 ? (uint8_t)value : 255;
}

static ck_image_status truncated(size_t expected, size_t found, char *message) {
  snprintf(
      message, CK_IMAGE_MESSAGE_SIZE, "truncated PNM: expected %zu bytes of pixels, found %zu", expected, found);
  return CK_IMAGE_TRUNCATED;
}

static void put(const pnm_image *image, uint8_t *rgb, size_t sample, uint8_t value) {
  if (image->channels == 3)
    rgb[sample] = value;
  else
    memset(rgb + sample * 3, value, 3);
}

static ck_image_status decode_binary(
    const pnm_image *image, const uint8_t *data, size_t size, uint8_t *rgb, char *message) {
  size_t row = image->bits ? ((size_t)image->width + 7) / 8
                           : (size_t)image->width * image->channels * (image->maximum > 255 ? 2 : 1);
  if (size - image->position < row * image->height)
    return truncated(row * image->height, size - image->position, message);
  size_t samples = (size_t)image->width * image->channels;
  for (uint32_t y = 0; y < image->height; y++) {
    const uint8_t *in = data + image->position + row * y;
    for (size_t x = 0; x < samples; x++) {
      uint32_t sample = image->bits            ? in[x / 8] >> (7 - x % 8) & 1u
                        : image->maximum > 255 ? (uint32_t)in[x * 2] << 8 | in[x * 2 + 1]
                                               : in[x];
      put(image, rgb, samples * y + x, scaled(image, sample));
    }
  }
  return CK_IMAGE_OK;
}

static ck_image_status decode_plain(
    const pnm_image *image, const uint8_t *data, size_t size, uint8_t *rgb, char *message) {
  size_t count = (size_t)image->width * image->height * image->channels;
  size_t position = image->position;
  for (size_t i = 0; i < count; i++) {
    uint32_t sample = 0;
    if (image->bits) {
      // Digits need no space between them.
      skip_space(data, size, &position);
      if (position >= size) return truncated(count, i, message);
      sample = (uint32_t)(data[position++] - '0');
      if (sample > 1) goto damaged;
    } else {
      skip_space(data, size, &position);
      if (position >= size) return truncated(count, i, message);
      if (!read_number(data, size, &position, &sample) || sample > image->maximum) goto damaged;
      if (position < size && !is_space(data[position])) goto damaged;
    }
    put(image, rgb, i, scaled(image, sample));
  }
  return CK_IMAGE_OK;

damaged:
  snprintf(
      message, CK_IMAGE_MESSAGE_SIZE, "PNM: expected a number from 0 to %u before byte %zu", image->maximum,
      position);
  return CK_IMAGE_CORRUPT;
}

ck_image_status ck_pnm(
    const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message) {
  pnm_image image;
  ck_image_status status = parse(data, size, &image, message);
  if (status != CK_IMAGE_OK) return status;
  if (rgb == NULL) {
    header->width = image.width;
    header->height = image.height;
    return CK_IMAGE_OK;
  }
  return image.plain ? decode_plain(&image, data, size, rgb, message)
                     : decode_binary(&image, data, size, rgb, message);
}
