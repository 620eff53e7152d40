#pragma once

#include <setjmp.h>

#include "ck_image.h"

// A codec is one function: without `rgb` it sets width and height of the image in `header`, with it it decodes the
// image as `header` has it.
typedef ck_image_status codec(
    const uint8_t *data, size_t size, ck_image_header *header, uint8_t *rgb, char *message);

codec ck_jpeg, ck_png, ck_webp, ck_bmp, ck_pnm;

// One call of a codec whose library is left by longjmp when it fails. A codec's own job begins with this, and lives in
// the frame of its entry: what is written after setjmp is then still defined after longjmp.
typedef struct codec_job {
  jmp_buf exit;
  ck_image_status status;
  char *message;
  const uint8_t *data;
  size_t size;
} codec_job;

// The steps of such a codec. Each may fail; `close` is called however the others ended.
typedef struct {
  void (*open)(codec_job *job);
  void (*read_size)(codec_job *job, ck_image_header *header);
  void (*decode)(codec_job *job, const ck_image_header *header, uint8_t *rgb);
  void (*close)(codec_job *job);
} codec_steps;

ck_image_status ck_run_codec(codec_job *job, const codec_steps *steps, ck_image_header *header, uint8_t *rgb);

// Ends the step with a status and a reason, unless an earlier one is written already.
_Noreturn __attribute__((format(printf, 3, 4))) void ck_codec_fail(
    codec_job *job, ck_image_status status, const char *format, ...);
