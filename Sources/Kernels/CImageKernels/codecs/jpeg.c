#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "codec.h"

// Decodes as Pillow's `Image.open(...).convert("RGB")`: the library's default accurate integer IDCT and smooth chroma
// upsampling, no EXIF rotation, warnings about damaged entropy data ignored, but a file that ends before its
// end-of-image marker refused.

// Progressive files have about ten scans; each scan costs a pass over the whole image, so a small file with
// thousands of them could keep a worker busy for hours.
enum { MAX_SCANS = 500 };

typedef struct {
  codec_job base;
  struct jpeg_decompress_struct decoder;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  uint8_t *cmyk_row;
} jpeg_job;

static ck_image_status status_of(int code) {
  switch (code) {
    case JERR_OUT_OF_MEMORY: return CK_IMAGE_NO_MEMORY;
    case JERR_INPUT_EOF: return CK_IMAGE_TRUNCATED;
    default: return CK_IMAGE_CORRUPT;
  }
}

static void fail(j_common_ptr decoder) {
  jpeg_job *job = decoder->client_data;
  char text[JMSG_LENGTH_MAX];
  decoder->err->format_message(decoder, text);
  ck_codec_fail(&job->base, status_of(decoder->err->msg_code), "JPEG: %s", text);
}

static void ignore_message(j_common_ptr decoder, int level) {
  if (level < 0) decoder->err->num_warnings++;
}

static void ignore_output(j_common_ptr decoder) { (void)decoder; }

static void start_input(j_decompress_ptr decoder) { (void)decoder; }

static void end_input(j_decompress_ptr decoder) { (void)decoder; }

// The entropy decoder reads ahead of the last row, so a file cut inside its image data never gets to this state; one
// that is only damaged after the last row does, and Pillow reads it.
static boolean is_complete(j_decompress_ptr decoder) {
  return decoder->output_height > 0 && decoder->output_scanline == decoder->output_height;
}

static boolean input_exhausted(j_decompress_ptr decoder) {
  if (is_complete(decoder)) return FALSE;
  jpeg_job *job = decoder->client_data;
  ck_codec_fail(
      &job->base, CK_IMAGE_TRUNCATED, "truncated JPEG: the data ends after %zu bytes, %u of %u rows decoded",
      job->base.size, decoder->output_scanline,
      decoder->output_height > 0 ? decoder->output_height : decoder->image_height);
}

static void skip_input(j_decompress_ptr decoder, long count) {
  if (count <= 0) return;
  size_t skipped = (size_t)count;
  if (skipped > decoder->src->bytes_in_buffer) {
    skipped = decoder->src->bytes_in_buffer;
    input_exhausted(decoder);
  }
  decoder->src->next_input_byte += skipped;
  decoder->src->bytes_in_buffer -= skipped;
}

static void watch_scans(j_common_ptr common) {
  j_decompress_ptr decoder = (j_decompress_ptr)common;
  if (decoder->input_scan_number <= MAX_SCANS) return;
  jpeg_job *job = common->client_data;
  ck_codec_fail(&job->base, CK_IMAGE_CORRUPT, "JPEG: more than %d scans", MAX_SCANS);
}

static void open_decoder(codec_job *base) {
  jpeg_job *job = (jpeg_job *)base;
  job->decoder.err = jpeg_std_error(&job->errors);
  job->errors.error_exit = fail;
  job->errors.emit_message = ignore_message;
  job->errors.output_message = ignore_output;
  job->decoder.client_data = job;
  jpeg_create_decompress(&job->decoder);
  job->source.init_source = start_input;
  job->source.fill_input_buffer = input_exhausted;
  job->source.skip_input_data = skip_input;
  job->source.resync_to_restart = jpeg_resync_to_restart;
  job->source.term_source = end_input;
  job->source.next_input_byte = base->data;
  job->source.bytes_in_buffer = base->size;
  job->decoder.src = &job->source;
  job->progress.progress_monitor = watch_scans;
  job->decoder.progress = &job->progress;
  jpeg_read_header(&job->decoder, TRUE);
}

static void read_size(codec_job *base, ck_image_header *header) {
  jpeg_job *job = (jpeg_job *)base;
  header->width = job->decoder.image_width;
  header->height = job->decoder.image_height;
}

static uint8_t scaled(unsigned value, unsigned factor) {
  unsigned product = value * factor + 128;
  return (uint8_t)(((product >> 8) + product) >> 8);
}

// Pillow takes every four-component file as inverted CMYK (the Adobe convention).
static void convert_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width) {
  for (uint32_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    unsigned light = cmyk[3];
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(light - scaled(255u - cmyk[c], light));
  }
}

static void decode(codec_job *base, const ck_image_header *header, uint8_t *rgb) {
  jpeg_job *job = (jpeg_job *)base;
  j_decompress_ptr decoder = &job->decoder;
  switch (decoder->num_components) {
    case 1:
    case 3:
      decoder->out_color_space = JCS_RGB;
      break;
    case 4:
      decoder->out_color_space = JCS_CMYK;
      break;
    default:
      ck_codec_fail(
          base, CK_IMAGE_UNSUPPORTED, "JPEG: %d components per pixel, expected 1, 3 or 4", decoder->num_components);
  }
  decoder->scale_num = 1;
  decoder->scale_denom = header->reduction;
  jpeg_start_decompress(decoder);
  if (decoder->output_width != header->width || decoder->output_height != header->height)
    ERREXIT(decoder, JERR_IMAGE_TOO_BIG);
  size_t stride = (size_t)header->width * 3;
  if (decoder->out_color_space == JCS_CMYK) {
    job->cmyk_row = malloc((size_t)header->width * 4);
    if (job->cmyk_row == NULL) ERREXIT1(decoder, JERR_OUT_OF_MEMORY, 0);
  }
  while (decoder->output_scanline < decoder->output_height) {
    uint8_t *target = rgb + stride * decoder->output_scanline;
    JSAMPROW row = job->cmyk_row != NULL ? job->cmyk_row : target;
    jpeg_read_scanlines(decoder, &row, 1);
    if (job->cmyk_row != NULL) convert_inverted_cmyk(job->cmyk_row, target, header->width);
  }
  jpeg_finish_decompress(decoder);
}

static void close_decoder(codec_job *base) {
  jpeg_job *job = (jpeg_job *)base;
  jpeg_destroy_decompress(&job->decoder);
  free(job->cmyk_row);
}

ck_image_status ck_jpeg(const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message) {
  static const codec_steps steps = {open_decoder, read_size, decode, close_decoder};
  jpeg_job job = {.base = {.data = data, .size = size, .message = message}};
  return ck_run_codec(&job.base, &steps, header, rgb);
}
