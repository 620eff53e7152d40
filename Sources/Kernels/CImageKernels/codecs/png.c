#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "codec.h"

// Decodes as Pillow's `Image.open(...).convert("RGB")`: alpha and transparency dropped, grey of 1, 2 and 4 bits scaled
// to 0...255, 16-bit colour reduced to its high byte, 16-bit grey clipped at 255, no gamma or profile applied. Unlike
// Pillow, checksum errors and a missing end are refused.

typedef struct {
  codec_job base;
  png_structp decoder;
  png_infop info;
  size_t position;
  uint8_t *samples;  // one row, or the whole image when it is interlaced
  uint32_t channels;  // of a decoding that keeps 16 bits
} png_job;

typedef struct {
  uint32_t width;
  int bit_depth;
  int color_type;
  uint8_t palette[256][3];
} row_format;

static void fail(png_structp decoder, png_const_charp reason) {
  png_job *job = png_get_error_ptr(decoder);
  ck_codec_fail(&job->base, CK_IMAGE_CORRUPT, "PNG: %s", reason);
}

static void ignore_warning(png_structp decoder, png_const_charp reason) {
  (void)decoder;
  (void)reason;
}

static void out_of_memory(codec_job *job) { ck_codec_fail(job, CK_IMAGE_NO_MEMORY, "PNG: out of memory"); }

static void read_bytes(png_structp decoder, png_bytep out, size_t count) {
  png_job *job = png_get_io_ptr(decoder);
  if (count > job->base.size - job->position)
    ck_codec_fail(
        &job->base, CK_IMAGE_TRUNCATED, "truncated PNG: the data ends after %zu bytes, before the end of the image",
        job->base.size);
  memcpy(out, job->base.data + job->position, count);
  job->position += count;
}

static void open_decoder(codec_job *base) {
  png_job *job = (png_job *)base;
  // Chunks that cannot change the pixels asked for; skipping them also skips decompressing them.
  static const png_byte skipped[] =
      "cHRM\0gAMA\0iCCP\0sBIT\0sRGB\0bKGD\0hIST\0tRNS\0pHYs\0sPLT\0tIME\0iTXt\0tEXt\0zTXt\0eXIf\0oFFs\0pCAL\0sCAL";
  job->decoder = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, fail, ignore_warning);
  if (job->decoder == NULL) out_of_memory(base);
  job->info = png_create_info_struct(job->decoder);
  if (job->info == NULL) out_of_memory(base);
  png_set_read_fn(job->decoder, job, read_bytes);
  png_set_user_limits(job->decoder, 0x7fffffff, 0x7fffffff);
  png_set_crc_action(job->decoder, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(job->decoder, PNG_HANDLE_CHUNK_NEVER, skipped, sizeof skipped / 5);
  png_read_info(job->decoder, job->info);
}

static void read_size(codec_job *base, ck_image_header *header) {
  png_job *job = (png_job *)base;
  header->width = png_get_image_width(job->decoder, job->info);
  header->height = png_get_image_height(job->decoder, job->info);
}

static row_format format_of(png_job *job) {
  row_format format = {
      .width = png_get_image_width(job->decoder, job->info),
      .bit_depth = png_get_bit_depth(job->decoder, job->info),
      .color_type = png_get_color_type(job->decoder, job->info),
  };
  png_colorp entries = NULL;
  int count = 0;
  if (png_get_PLTE(job->decoder, job->info, &entries, &count) != 0) {
    for (int i = 0; i < count && i < 256; i++) {
      format.palette[i][0] = entries[i].red;
      format.palette[i][1] = entries[i].green;
      format.palette[i][2] = entries[i].blue;
    }
  }
  return format;
}

static uint8_t grey(const row_format *format, const uint8_t *sample) {
  switch (format->bit_depth) {
    case 16:
      if (format->color_type == PNG_COLOR_TYPE_GRAY_ALPHA) return sample[0];
      return sample[0] != 0 ? 255 : sample[1];
    case 8:
      return sample[0];
    default:
      return (uint8_t)(sample[0] * (255 / ((1 << format->bit_depth) - 1)));
  }
}

static void convert_row(const row_format *format, const uint8_t *samples, uint8_t *rgb) {
  size_t sample_bytes = format->bit_depth == 16 ? 2 : 1;
  for (uint32_t x = 0; x < format->width; x++, rgb += 3) {
    switch (format->color_type) {
      case PNG_COLOR_TYPE_PALETTE:
        memcpy(rgb, format->palette[samples[x]], 3);
        break;
      case PNG_COLOR_TYPE_GRAY:
        memset(rgb, grey(format, samples + x * sample_bytes), 3);
        break;
      case PNG_COLOR_TYPE_GRAY_ALPHA:
        memset(rgb, grey(format, samples + x * sample_bytes * 2), 3);
        break;
      default: {
        size_t channels = format->color_type == PNG_COLOR_TYPE_RGB_ALPHA ? 4 : 3;
        const uint8_t *pixel = samples + x * sample_bytes * channels;
        for (size_t c = 0; c < 3; c++) rgb[c] = pixel[c * sample_bytes];
      }
    }
  }
}

typedef void take_row(const void *target, uint32_t y, const uint8_t *row);

// Hands over every row once it is complete. Rows have `expected` bytes unless that is 0.
static void read_rows(png_job *job, uint32_t height, size_t expected, take_row *take, const void *target) {
  int passes = png_set_interlace_handling(job->decoder);
  png_read_update_info(job->decoder, job->info);
  size_t row_bytes = png_get_rowbytes(job->decoder, job->info);
  if (expected != 0 && row_bytes != expected) png_error(job->decoder, "rows of another length");

  job->samples = malloc(passes > 1 ? row_bytes * height : row_bytes);
  if (job->samples == NULL) out_of_memory(&job->base);
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t y = 0; y < height; y++) {
      uint8_t *row = passes > 1 ? job->samples + row_bytes * y : job->samples;
      png_read_row(job->decoder, row, NULL);
      if (pass == passes - 1) take(target, y, row);
    }
  }
  png_read_end(job->decoder, NULL);
}

typedef struct {
  const row_format *format;
  uint8_t *rgb;
} byte_rows;

static void take_bytes(const void *target, uint32_t y, const uint8_t *row) {
  const byte_rows *rows = target;
  convert_row(rows->format, row, rows->rgb + (size_t)rows->format->width * 3 * y);
}

static void decode(codec_job *base, const ck_image_header *header, uint8_t *rgb) {
  png_job *job = (png_job *)base;
  row_format format = format_of(job);
  uint32_t height = png_get_image_height(job->decoder, job->info);
  if (format.width != header->width || height != header->height) png_error(job->decoder, "the size changed");
  png_set_packing(job->decoder);
  read_rows(job, height, 0, take_bytes, &(byte_rows){.format = &format, .rgb = rgb});
}

static void close_decoder(codec_job *base) {
  png_job *job = (png_job *)base;
  png_destroy_read_struct(&job->decoder, &job->info, NULL);
  free(job->samples);
}

ck_image_status ck_png(const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message) {
  static const codec_steps steps = {open_decoder, read_size, decode, close_decoder};
  png_job job = {.base = {.data = data, .size = size, .message = message}};
  return ck_run_codec(&job.base, &steps, header, rgb);
}

typedef struct {
  uint16_t *samples;
  size_t count;
} sample_rows;

// The file has the high byte first.
static void take_samples(const void *target, uint32_t y, const uint8_t *row) {
  const sample_rows *rows = target;
  for (size_t i = 0; i < rows->count; i++)
    rows->samples[rows->count * y + i] = (uint16_t)(row[2 * i] << 8 | row[2 * i + 1]);
}

// Like `decode`, with all bits of 16-bit samples; `rgb` is the array of samples, two bytes each.
static void decode_samples(codec_job *base, const ck_image_header *header, uint8_t *rgb) {
  png_job *job = (png_job *)base;
  uint32_t width = png_get_image_width(job->decoder, job->info);
  uint32_t height = png_get_image_height(job->decoder, job->info);
  if (width != header->width || height != header->height) png_error(job->decoder, "the size changed");
  if (png_get_bit_depth(job->decoder, job->info) != 16 || png_get_channels(job->decoder, job->info) != job->channels)
    png_error(job->decoder, "other samples than its header has");
  sample_rows rows = {.samples = (uint16_t *)(void *)rgb, .count = (size_t)width * job->channels};
  read_rows(job, height, 2 * rows.count, take_samples, &rows);
}

ck_image_status ck_png_decode_samples(
    const uint8_t *data, size_t size, const ck_image_header *header, uint32_t channels, uint16_t *samples,
    char message[CK_IMAGE_MESSAGE_SIZE]) {
  static const codec_steps steps = {open_decoder, read_size, decode_samples, close_decoder};
  png_job job = {.base = {.data = data, .size = size, .message = message}, .channels = channels};
  ck_image_header copy = *header;
  return ck_run_codec(&job.base, &steps, &copy, (uint8_t *)samples);
}
