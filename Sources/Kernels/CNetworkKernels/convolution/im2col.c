#include <string.h>

#include "ck_convolution.h"

void ck_im2col(float *matrix, const float *x, ptrdiff_t x_stride, ptrdiff_t channels, const ck_window *window,
               ptrdiff_t first_row, ptrdiff_t last_row) {
  const ck_window w = *window;
  const size_t pixel = (size_t)channels * sizeof(float);
  const int contiguous = x_stride == channels && w.dilation_x == 1;
  for (ptrdiff_t oy = first_row; oy < last_row; oy++)
    for (ptrdiff_t ox = 0; ox < w.out_width; ox++)
      for (ptrdiff_t ky = 0; ky < w.kernel_height; ky++) {
        const ptrdiff_t iy = oy * w.stride_y - w.pad_top + ky * w.dilation_y;
        const ptrdiff_t left = ox * w.stride_x - w.pad_left;
        float *row = matrix;
        matrix += w.kernel_width * channels;
        if (iy < 0 || iy >= w.height) {
          memset(row, 0, (size_t)w.kernel_width * pixel);
          continue;
        }
        const float *line = x + iy * w.width * x_stride;
        if (contiguous && left >= 0 && left + w.kernel_width <= w.width) {
          memcpy(row, line + left * x_stride, (size_t)w.kernel_width * pixel);
          continue;
        }
        for (ptrdiff_t kx = 0; kx < w.kernel_width; kx++, row += channels) {
          const ptrdiff_t ix = left + kx * w.dilation_x;
          if (ix < 0 || ix >= w.width)
            memset(row, 0, pixel);
          else
            memcpy(row, line + ix * x_stride, pixel);
        }
      }
}
