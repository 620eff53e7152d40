#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

// Windows bitmaps: palettes of 1, 4 and 8 bits, plain or run-length encoded; 16, 24 and 32 bits, with the bit fields
// that are in use. Layout: "Bitmap Storage" in Microsoft's documentation of the Windows GDI.

typedef struct {
  uint32_t width;
  uint32_t height;
  _Bool top_down;
  unsigned bits;
  unsigned compression;
  uint32_t masks[3];
  size_t palette;       // position of the palette
  unsigned palette_entry;  // bytes per entry
  uint32_t colors;
  _Bool grey_ramp;  // the palette is 0, 1, 2 … in grey, so that an index is its own value
  size_t pixels;  // position of the pixels
} bitmap;

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

static uint32_t u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }

static ck_image_status truncated(size_t size, char *message) {
  snprintf(message, CK_IMAGE_MESSAGE_SIZE, "truncated BMP: the data ends after %zu bytes", size);
  return CK_IMAGE_TRUNCATED;
}

static ck_image_status unsupported(const char *what, unsigned value, char *message) {
  snprintf(message, CK_IMAGE_MESSAGE_SIZE, "BMP: unsupported %s %u", what, value);
  return CK_IMAGE_UNSUPPORTED;
}

// Pillow takes the pixels of such an image as grey values, those beyond the end of the palette too.
static _Bool is_grey_ramp(const bitmap *image, const uint8_t *data) {
  if (image->bits != 8 || image->colors <= 2) return 0;
  for (uint32_t i = 0; i < image->colors; i++) {
    const uint8_t *entry = data + image->palette + (size_t)i * image->palette_entry;
    if (entry[0] != i || entry[1] != i || entry[2] != i) return 0;
  }
  return 1;
}

static ck_image_status parse(const uint8_t *data, size_t size, bitmap *image, char *message) {
  memset(image, 0, sizeof *image);
  if (size < 14 + 12) return truncated(size, message);
  uint32_t header = u32(data + 14);
  size_t after_header = 14 + (size_t)header;
  image->pixels = u32(data + 10);
  if (header == 12) {
    image->width = u16(data + 18);
    image->height = u16(data + 20);
    image->bits = u16(data + 24);
    image->palette_entry = 3;
  } else if (header == 40 || header == 52 || header == 56 || header == 64 || header == 108 || header == 124) {
    if (size < after_header) return truncated(size, message);
    int32_t height = (int32_t)u32(data + 22);
    image->top_down = height < 0;
    image->width = u32(data + 18);
    image->height = height < 0 ? 0u - (uint32_t)height : (uint32_t)height;
    image->bits = u16(data + 28);
    image->compression = u32(data + 30);
    image->colors = u32(data + 46);
    image->palette_entry = 4;
    if (image->compression == BITFIELDS) {
      // Behind a header of 40 bytes, inside longer ones: the same place.
      if (size < 14 + 40 + 12) return truncated(size, message);
      for (int i = 0; i < 3; i++) image->masks[i] = u32(data + 14 + 40 + i * 4);
      if (header == 40) after_header += 12;
    }
  } else {
    return unsupported("header size", header, message);
  }
  if (image->width > INT32_MAX || image->height > INT32_MAX) return unsupported("width", image->width, message);
  switch (image->bits) {
    case 1:
    case 4:
    case 8:
      if (image->colors == 0 || image->colors > 1u << image->bits) image->colors = 1u << image->bits;
      image->palette = after_header;
      if (size < after_header + (size_t)image->colors * image->palette_entry) return truncated(size, message);
      if (image->pixels == 0) image->pixels = after_header + (size_t)image->colors * image->palette_entry;
      image->grey_ramp = is_grey_ramp(image, data);
      break;
    case 16:
    case 24:
    case 32:
      if (image->pixels == 0) image->pixels = after_header;
      break;
    default:
      return unsupported("bits per pixel", image->bits, message);
  }
  _Bool fits = image->compression == RAW || (image->compression == RLE8 && image->bits == 8) ||
               (image->compression == RLE4 && image->bits == 4) ||
               (image->compression == BITFIELDS && image->bits >= 16);
  return fits ? CK_IMAGE_OK : unsupported("compression", image->compression, message);
}

static uint8_t *target_row(const bitmap *image, uint8_t *rgb, uint32_t row) {
  uint32_t y = image->top_down ? row : image->height - 1 - row;
  return rgb + (size_t)y * image->width * 3;
}

static void put_color(const bitmap *image, const uint8_t *data, unsigned index, uint8_t *rgb) {
  if (image->grey_ramp) {
    memset(rgb, (int)index, 3);
    return;
  }
  if (index >= image->colors) {
    memset(rgb, 0, 3);
    return;
  }
  const uint8_t *entry = data + image->palette + (size_t)index * image->palette_entry;
  for (int c = 0; c < 3; c++) rgb[c] = entry[2 - c];
}

// Shift and width of a mask of adjacent bits; false for any other.
static _Bool mask_place(uint32_t mask, unsigned *shift, uint32_t *maximum) {
  if (mask == 0) return 0;
  *shift = (unsigned)__builtin_ctz(mask);
  *maximum = mask >> *shift;
  return (*maximum & (*maximum + 1)) == 0 && *maximum <= 255;
}

static ck_image_status decode_fields(
    const bitmap *image, const uint8_t *data, uint8_t *rgb, size_t stride, char *message) {
  static const uint32_t masks_555[3] = {0x7c00, 0x3e0, 0x1f};
  static const uint32_t masks_888[3] = {0xff0000, 0xff00, 0xff};
  const uint32_t *masks = image->compression == BITFIELDS ? image->masks : image->bits == 16 ? masks_555 : masks_888;
  // All zero in a few writers' files; then the fields are the usual ones.
  if ((masks[0] | masks[1] | masks[2]) == 0) masks = image->bits == 16 ? masks_555 : masks_888;
  unsigned shifts[3];
  uint32_t maxima[3];
  for (int c = 0; c < 3; c++) {
    if (!mask_place(masks[c], &shifts[c], &maxima[c])) return unsupported("bit field", masks[c], message);
  }
  size_t bytes = image->bits / 8;
  for (uint32_t y = 0; y < image->height; y++) {
    const uint8_t *in = data + image->pixels + stride * y;
    uint8_t *out = target_row(image, rgb, y);
    for (uint32_t x = 0; x < image->width; x++, in += bytes, out += 3) {
      uint32_t pixel = u16(in) | (bytes > 2 ? (uint32_t)in[2] << 16 : 0) | (bytes > 3 ? (uint32_t)in[3] << 24 : 0);
      for (int c = 0; c < 3; c++) out[c] = (uint8_t)((pixel >> shifts[c] & maxima[c]) * 255 / maxima[c]);
    }
  }
  return CK_IMAGE_OK;
}

static void decode_indices(const bitmap *image, const uint8_t *data, uint8_t *rgb, size_t stride) {
  unsigned per_byte = 8 / image->bits;
  unsigned mask = (1u << image->bits) - 1;
  for (uint32_t y = 0; y < image->height; y++) {
    const uint8_t *in = data + image->pixels + stride * y;
    uint8_t *out = target_row(image, rgb, y);
    for (uint32_t x = 0; x < image->width; x++) {
      unsigned shift = (per_byte - 1 - x % per_byte) * image->bits;
      put_color(image, data, in[x / per_byte] >> shift & mask, out + (size_t)x * 3);
    }
  }
}

// Pixels that the codes do not reach have index 0.
static ck_image_status decode_runs(
    const bitmap *image, const uint8_t *data, size_t size, uint8_t *rgb, char *message) {
  for (uint32_t y = 0; y < image->height; y++) {
    uint8_t *out = target_row(image, rgb, y);
    for (uint32_t x = 0; x < image->width; x++) put_color(image, data, 0, out + (size_t)x * 3);
  }
  size_t at = image->pixels;
  uint64_t x = 0;
  uint64_t y = 0;
  while (1) {
    if (at > size || size - at < 2) return truncated(size, message);
    unsigned count = data[at];
    unsigned value = data[at + 1];
    at += 2;
    if (count == 0 && value == 0) {  // end of line
      x = 0;
      y++;
      continue;
    }
    if (count == 0 && value == 1) return CK_IMAGE_OK;  // end of bitmap
    if (count == 0 && value == 2) {                      // skip to the right and to the next lines
      if (size - at < 2) return truncated(size, message);
      x += data[at];
      y += data[at + 1];
      at += 2;
      continue;
    }
    _Bool literal = count == 0;
    unsigned pixels = literal ? value : count;
    size_t bytes = literal ? (image->bits == 8 ? pixels : (pixels + 1) / 2) : 0;
    if (size - at < bytes) return truncated(size, message);
    for (unsigned i = 0; i < pixels; i++, x++) {
      unsigned byte = literal ? data[at + (image->bits == 8 ? i : i / 2)] : value;
      unsigned index = image->bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
      if (x < image->width && y < image->height)
        put_color(image, data, index, target_row(image, rgb, (uint32_t)y) + x * 3);
    }
    at += (bytes + 1) / 2 * 2;
  }
}

ck_image_status ck_bmp(
    const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message) {
  bitmap image;
  ck_image_status status = parse(data, size, &image, message);
  if (status != CK_IMAGE_OK) return status;
  if (rgb == NULL) {
    header->width = image.width;
    header->height = image.height;
    return CK_IMAGE_OK;
  }
  if (image.compression == RLE8 || image.compression == RLE4) return decode_runs(&image, data, size, rgb, message);
  size_t stride = ((size_t)image.width * image.bits + 31) / 32 * 4;
  size_t last_row = ((size_t)image.width * image.bits + 7) / 8;
  if (size < image.pixels || size - image.pixels < stride * (image.height - 1) + last_row)
    return truncated(size, message);
  if (image.bits >= 16) return decode_fields(&image, data, rgb, stride, message);
  decode_indices(&image, data, rgb, stride);
  return CK_IMAGE_OK;
}
