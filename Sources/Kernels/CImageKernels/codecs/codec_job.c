#include "codec.h"

#include <stdarg.h>
#include <stdio.h>

ck_image_status ck_run_codec(codec_job *job, const codec_steps *steps, ck_image_header *header, uint8_t *rgb) {
  if (setjmp(job->exit) == 0) {
    steps->open(job);
    if (rgb == NULL)
      steps->read_size(job, header);
    else
      steps->decode(job, header, rgb);
  }
  steps->close(job);
  return job->status;
}

void ck_codec_fail(codec_job *job, ck_image_status status, const char *format, ...) {
  job->status = status;
  if (job->message[0] == 0) {
    va_list values;
    va_start(values, format);
    vsnprintf(job->message, CK_IMAGE_MESSAGE_SIZE, format, values);
    va_end(values);
  }
  longjmp(job->exit, 1);
}
