#include <string.h>

#include "ck_convolution.h"

ptrdiff_t ck_conv_scratch(const ck_window *window, ptrdiff_t channels, ptrdiff_t rows) {
  const ck_window w = *window;
  const ptrdiff_t width = (w.out_width - 1) * w.stride_x + (w.kernel_width - 1) * w.dilation_x + 1;
  const ptrdiff_t height = (rows - 1) * w.stride_y + (w.kernel_height - 1) * w.dilation_y + 1;
  return (width * height + 14 * w.stride_x) * channels;
}

void ck_conv_pack(float *panels, const float *matrix, ptrdiff_t depth, ptrdiff_t outputs, ptrdiff_t panel_width) {
  for (ptrdiff_t first = 0; first < outputs; first += panel_width) {
    const ptrdiff_t n = outputs - first < panel_width ? outputs - first : panel_width;
    for (ptrdiff_t k = 0; k < depth; k++, panels += panel_width) {
      memcpy(panels, matrix + k * outputs + first, (size_t)n * sizeof(float));
      memset(panels + n, 0, (size_t)(panel_width - n) * sizeof(float));
    }
  }
}

void ck_pad(float *to, const float *x, ptrdiff_t x_stride, ptrdiff_t channels, const ck_window *window,
            ptrdiff_t first_row, ptrdiff_t last_row) {
  const ck_window w = *window;
  const ptrdiff_t width = (w.out_width - 1) * w.stride_x + (w.kernel_width - 1) * w.dilation_x + 1;
  const size_t pixel = (size_t)channels * sizeof(float);
  const ptrdiff_t top = first_row * w.stride_y - w.pad_top;
  const ptrdiff_t bottom = (last_row - 1) * w.stride_y - w.pad_top + (w.kernel_height - 1) * w.dilation_y + 1;
  const ptrdiff_t inside = w.width < width - w.pad_left ? w.width : width - w.pad_left;
  for (ptrdiff_t iy = top; iy < bottom; iy++, to += width * channels) {
    if (iy < 0 || iy >= w.height) {
      memset(to, 0, (size_t)width * pixel);
      continue;
    }
    const float *from = x + iy * w.width * x_stride;
    float *image = to + w.pad_left * channels;
    memset(to, 0, (size_t)w.pad_left * pixel);
    if (x_stride == channels)
      memcpy(image, from, (size_t)inside * pixel);
    else
      for (ptrdiff_t ix = 0; ix < inside; ix++) memcpy(image + ix * channels, from + ix * x_stride, pixel);
    memset(image + inside * channels, 0, (size_t)(width - w.pad_left - inside) * pixel);
  }
}
