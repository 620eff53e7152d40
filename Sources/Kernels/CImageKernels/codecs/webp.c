#include <stdio.h>

#include <webp/decode.h>

#include "codec.h"

// Still images only. Transparency is dropped, as Pillow's `convert("RGB")` does.

static ck_image_status fail(VP8StatusCode code, size_t size, char *message) {
  switch (code) {
    case VP8_STATUS_OK:
      return CK_IMAGE_OK;
    case VP8_STATUS_OUT_OF_MEMORY:
      snprintf(message, CK_IMAGE_MESSAGE_SIZE, "WebP: out of memory");
      return CK_IMAGE_NO_MEMORY;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      snprintf(message, CK_IMAGE_MESSAGE_SIZE, "truncated WebP: the data ends after %zu bytes", size);
      return CK_IMAGE_TRUNCATED;
    default:
      snprintf(message, CK_IMAGE_MESSAGE_SIZE, "WebP: damaged data");
      return CK_IMAGE_CORRUPT;
  }
}

static ck_image_status read_size(const uint8_t *data, size_t size, ck_image_header *header, char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode code = WebPGetFeatures(data, size, &features);
  if (code != VP8_STATUS_OK) return fail(code, size, message);
  if (features.has_animation) {
    snprintf(message, CK_IMAGE_MESSAGE_SIZE, "WebP: animations are not supported");
    return CK_IMAGE_UNSUPPORTED;
  }
  header->width = (uint32_t)features.width;
  header->height = (uint32_t)features.height;
  return CK_IMAGE_OK;
}

ck_image_status ck_webp(
    const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message) {
  if (rgb == NULL) return read_size(data, size, header, message);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return fail(VP8_STATUS_INVALID_PARAM, size, message);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rgb;
  config.output.u.RGBA.stride = (int)header->width * 3;
  config.output.u.RGBA.size = (size_t)header->width * header->height * 3;
  VP8StatusCode code = WebPDecode(data, size, &config);
  WebPFreeDecBuffer(&config.output);
  return fail(code, size, message);
}
