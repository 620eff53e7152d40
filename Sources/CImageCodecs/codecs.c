#include <stdio.h>
#include <string.h>

#include "codec.h"

ckpt_image_format ckpt_image_sniff(const uint8_t *data, size_t size) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff) return CKPT_IMAGE_FORMAT_JPEG;
  if (size >= sizeof png && memcmp(data, png, sizeof png) == 0) return CKPT_IMAGE_FORMAT_PNG;
  if (size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) return CKPT_IMAGE_FORMAT_WEBP;
  if (size >= 2 && data[0] == 'B' && data[1] == 'M') return CKPT_IMAGE_FORMAT_BMP;
  if (size >= 2 && data[0] == 'P' && (data[1] == '5' || data[1] == '6')) return CKPT_IMAGE_FORMAT_PNM;
  return CKPT_IMAGE_FORMAT_UNKNOWN;
}

static codec *const codecs[] = {
    [CKPT_IMAGE_FORMAT_JPEG] = ckpt_jpeg, [CKPT_IMAGE_FORMAT_PNG] = ckpt_png, [CKPT_IMAGE_FORMAT_WEBP] = ckpt_webp,
    [CKPT_IMAGE_FORMAT_BMP] = ckpt_bmp,   [CKPT_IMAGE_FORMAT_PNM] = ckpt_pnm,
};

ckpt_image_status ckpt_image_read_header(
    const uint8_t *data, size_t size, ckpt_image_header *header, char message[CKPT_IMAGE_MESSAGE_SIZE]) {
  *header = (ckpt_image_header){.format = ckpt_image_sniff(data, size), .reduction = 1};
  message[0] = 0;
  if (header->format == CKPT_IMAGE_FORMAT_UNKNOWN) {
    const char *reason = size == 0 ? "the file is empty" : "not a JPEG, PNG, WebP, BMP or PNM image";
    snprintf(message, CKPT_IMAGE_MESSAGE_SIZE, "%s", reason);
    return CKPT_IMAGE_UNKNOWN_FORMAT;
  }
  return codecs[header->format](data, size, header, NULL, message);
}

void ckpt_image_reduce(ckpt_image_header *header, uint32_t side) {
  if (header->format != CKPT_IMAGE_FORMAT_JPEG) return;
  uint32_t shorter = header->width < header->height ? header->width : header->height;
  for (uint32_t reduction = 8; reduction > 1; reduction /= 2) {
    if ((shorter + reduction - 1) / reduction < side) continue;
    header->reduction = reduction;
    header->width = (header->width + reduction - 1) / reduction;
    header->height = (header->height + reduction - 1) / reduction;
    return;
  }
}

ckpt_image_status ckpt_image_decode(
    const uint8_t *data, size_t size, const ckpt_image_header *header, uint8_t *rgb,
    char message[CKPT_IMAGE_MESSAGE_SIZE]) {
  message[0] = 0;
  ckpt_image_header copy = *header;
  return codecs[header->format](data, size, &copy, rgb, message);
}
