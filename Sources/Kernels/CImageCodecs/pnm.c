#include <stdio.h>
#include <string.h>

#include "codec.h"

// Binary PGM (P5) and PPM (P6) of 8 bits, as netpbm's pgm(5) and ppm(5) describe them.

typedef struct {
  size_t position;
  uint32_t width;
  uint32_t height;
  uint32_t maximum;
  uint32_t channels;
} pnm_image;

static _Bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Reads a decimal number after white space and comments.
static _Bool read_number(const uint8_t *data, size_t size, size_t *position, uint32_t *number) {
  while (*position < size && (is_space(data[*position]) || data[*position] == '#')) {
    if (data[*position] == '#')
      while (*position < size && data[*position] != '\n') (*position)++;
    else
      (*position)++;
  }
  size_t digits = 0;
  *number = 0;
  for (; *position < size && data[*position] >= '0' && data[*position] <= '9'; (*position)++, digits++) {
    if (digits == 9) return 0;
    *number = *number * 10 + (uint32_t)(data[*position] - '0');
  }
  return digits > 0;
}

static ckpt_image_status parse(const uint8_t *data, size_t size, pnm_image *image, char *message) {
  image->channels = data[1] == '6' ? 3 : 1;
  image->position = 2;
  _Bool complete = read_number(data, size, &image->position, &image->width) &&
                   read_number(data, size, &image->position, &image->height) &&
                   read_number(data, size, &image->position, &image->maximum) && image->position < size &&
                   is_space(data[image->position]);
  if (!complete) {
    snprintf(message, CKPT_IMAGE_MESSAGE_SIZE, "PNM: bad or truncated header");
    return CKPT_IMAGE_CORRUPT;
  }
  image->position++;
  if (image->maximum != 255) {
    snprintf(message, CKPT_IMAGE_MESSAGE_SIZE, "PNM: maximum value %u, expected 255", image->maximum);
    return CKPT_IMAGE_UNSUPPORTED;
  }
  return CKPT_IMAGE_OK;
}

ckpt_image_status ckpt_pnm(
    const uint8_t *data, size_t size, ckpt_image_header *header, uint8_t *rgb, char *message) {
  pnm_image image;
  ckpt_image_status status = parse(data, size, &image, message);
  if (status != CKPT_IMAGE_OK) return status;
  if (rgb == NULL) {
    header->width = image.width;
    header->height = image.height;
    return CKPT_IMAGE_OK;
  }
  size_t pixels = (size_t)header->width * header->height;
  if (size - image.position < pixels * image.channels) {
    snprintf(
        message, CKPT_IMAGE_MESSAGE_SIZE, "truncated PNM: expected %zu bytes of pixels, found %zu",
        pixels * image.channels, size - image.position);
    return CKPT_IMAGE_TRUNCATED;
  }
  const uint8_t *samples = data + image.position;
  if (image.channels == 3) {
    memcpy(rgb, samples, pixels * 3);
  } else {
    for (size_t i = 0; i < pixels; i++) memset(rgb + i * 3, samples[i], 3);
  }
  return CKPT_IMAGE_OK;
}
