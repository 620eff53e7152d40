#include <stdio.h>
#include <string.h>

#include "codec.h"

// By the first bytes.
static ck_image_format format_of(const uint8_t *data, size_t size) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff) return CK_IMAGE_FORMAT_JPEG;
  if (size >= sizeof png && memcmp(data, png, sizeof png) == 0) return CK_IMAGE_FORMAT_PNG;
  if (size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) return CK_IMAGE_FORMAT_WEBP;
  if (size >= 2 && data[0] == 'B' && data[1] == 'M') return CK_IMAGE_FORMAT_BMP;
  if (size >= 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6') return CK_IMAGE_FORMAT_PNM;
  return CK_IMAGE_FORMAT_UNKNOWN;
}

// Name of a format that is not read, as far as the first bytes show it.
static const char *other_format(const uint8_t *data, size_t size) {
  static const struct {
    size_t offset;
    const char *bytes;
    size_t count;
    const char *name;
  } marks[] = {
      {0, "GIF8", 4, "a GIF image"},        {0, "II*\0", 4, "a TIFF image"},
      {0, "MM\0*", 4, "a TIFF image"},      {4, "ftypavif", 8, "an AVIF image"},
      {4, "ftyphei", 7, "a HEIC image"},    {4, "ftypmif1", 8, "a HEIF image"},
      {0, "\xff\x0a", 2, "a JPEG XL image"}, {4, "JXL ", 4, "a JPEG XL image"},
      {4, "jP  ", 4, "a JPEG 2000 image"},  {0, "<!", 2, "an HTML page"},
      {0, "<html", 5, "an HTML page"},      {0, "<svg", 4, "an SVG image"},
      {0, "version https://git-lfs", 23, "a Git LFS pointer"},
      {0, "P7\n", 3, "a PAM image"},        {0, "Pf\n", 3, "a PFM image"},
      {0, "PF\n", 3, "a PFM image"},
  };
  if (size == 0) return "an empty file";
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    if (size >= marks[i].offset + marks[i].count &&
        memcmp(data + marks[i].offset, marks[i].bytes, marks[i].count) == 0)
      return marks[i].name;
  }
  return "something else";
}

static codec *const codecs[] = {
    [CK_IMAGE_FORMAT_JPEG] = ck_jpeg, [CK_IMAGE_FORMAT_PNG] = ck_png, [CK_IMAGE_FORMAT_WEBP] = ck_webp,
    [CK_IMAGE_FORMAT_BMP] = ck_bmp,   [CK_IMAGE_FORMAT_PNM] = ck_pnm,
};

ck_image_status ck_image_read_header(
    const uint8_t *data, size_t size, ck_image_header *header, char message[CK_IMAGE_MESSAGE_SIZE]) {
  *header = (ck_image_header){.format = format_of(data, size), .reduction = 1};
  message[0] = 0;
  if (header->format == CK_IMAGE_FORMAT_UNKNOWN) {
    snprintf(
        message, CK_IMAGE_MESSAGE_SIZE, "expected a JPEG, PNG, WebP, BMP or PNM image, found %s",
        other_format(data, size));
    return CK_IMAGE_UNKNOWN_FORMAT;
  }
  return codecs[header->format](data, size, header, NULL, message);
}

void ck_image_reduce(ck_image_header *header, uint32_t side) {
  if (header->format != CK_IMAGE_FORMAT_JPEG) return;
  uint32_t shorter = header->width < header->height ? header->width : header->height;
  for (uint32_t reduction = 8; reduction > 1; reduction /= 2) {
    if ((shorter + reduction - 1) / reduction < side) continue;
    header->reduction = reduction;
    header->width = (header->width + reduction - 1) / reduction;
    header->height = (header->height + reduction - 1) / reduction;
    return;
  }
}

ck_image_status ck_image_decode(
    const uint8_t *data, size_t size, const ck_image_header *header, uint8_t *rgb,
    char message[CK_IMAGE_MESSAGE_SIZE]) {
  message[0] = 0;
  ck_image_header copy = *header;
  return codecs[header->format](data, size, &copy, rgb, message);
}
