// The image decoders under libFuzzer, which searches by coverage:
//
//   clang -g -O1 -fsanitize=fuzzer,address,undefined -ISources/CImageCodecs/include Tests/ImageFuzz/decoders.c
//     Sources/CImageCodecs/*.c -ljpeg -lpng -lwebp -o decoders
//   ./decoders -max_len=4096 -timeout=10 WORK fixtures/images/corpus

#include <stdlib.h>

#include "CImageCodecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char message[CKPT_IMAGE_MESSAGE_SIZE];
  ckpt_image_header header;
  if (ckpt_image_read_header(data, size, &header, message) != CKPT_IMAGE_OK) return 0;
  size_t pixels = (size_t)header.width * header.height;
  // Large claims cost time, not coverage.
  if (pixels == 0 || pixels > 1 << 20) return 0;
  uint8_t *rgb = malloc(pixels * 3);
  ckpt_image_decode(data, size, &header, rgb, message);
  free(rgb);
  return 0;
}
