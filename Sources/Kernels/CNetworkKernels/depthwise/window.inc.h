// What depthwise and grouped convolutions share: the walk over output pixels, and what follows their sums. Taps outside
// of the image are left out; the others are added in the order ky, kx.

// The part of the window that lies inside of the image.
typedef struct tap_range {
  ptrdiff_t y0, y1, x0, x1;
} tap_range;

// Writes the outputs of `pixels` (a constant of at most 4) sums in `n` channels from `c` on.
CK_INLINE void window_finish(const ck_conv *j, const vec *sums, float *y, const float *residual, int pixels,
                             ptrdiff_t c, ptrdiff_t n) {
  const int is_whole = n == CK_LANES;
#pragma clang loop unroll(full)
  for (int i = 0; i < pixels; i++) {
    vec v = sums[i];
    if (j->scale) v *= is_whole ? load(j->scale + c) : load_part(j->scale + c, n);
    if (j->shift) v += is_whole ? load(j->shift + c) : load_part(j->shift + c, n);
    if (residual) {
      const float *from = residual + i * j->y_stride + c;
      v += is_whole ? load(from) : load_part(from, n);
    }
    v = activate(v, j->activation);
    if (is_whole)
      store(y + i * j->y_stride + c, v);
    else
      store_part(y + i * j->y_stride + c, v, n);
  }
}

// The taps of one axis whose inputs lie inside of [0, size), for a window that begins at `start`.
CK_INLINE void taps_inside(ptrdiff_t start, ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t dilation, ptrdiff_t *first,
                           ptrdiff_t *last) {
  *first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  *last = start >= size ? 0 : minimum_of(kernel, (size - start + dilation - 1) / dilation);
}

// A kernel for all channels of `pixels` (1 or 4) neighbouring outputs that have the same taps.
typedef void pixels_kernel(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                           int pixels);

// Walks over the outputs of a job, four at a time where all their windows lie inside of the image.
CK_INLINE void for_each_pixels(const ck_conv *j, pixels_kernel *kernel) {
  const ck_window *w = &j->window;
  for (ptrdiff_t image = j->first_image; image < j->last_image; image++)
    for (ptrdiff_t oy = j->first_row; oy < j->last_row; oy++) {
      tap_range taps;
      const ptrdiff_t top = oy * w->stride_y - w->pad_top;
      taps_inside(top, w->height, w->kernel_height, w->dilation_y, &taps.y0, &taps.y1);
      for (ptrdiff_t ox = 0; ox < w->out_width;) {
        const ptrdiff_t left = ox * w->stride_x - w->pad_left;
        taps_inside(left, w->width, w->kernel_width, w->dilation_x, &taps.x0, &taps.x1);
        const ptrdiff_t right = left + 3 * w->stride_x + (w->kernel_width - 1) * w->dilation_x;
        const float *x = j->x + image * j->x_image + (top * w->width + left) * j->x_stride;
        const ptrdiff_t at = image * j->y_image + (oy * w->out_width + ox) * j->y_stride;
        const float *residual = j->residual ? j->residual + at : NULL;
        if (left >= 0 && right < w->width && ox + 4 <= w->out_width) {
          kernel(j, x, j->y + at, residual, taps, 4);
          ox += 4;
        } else {
          kernel(j, x, j->y + at, residual, taps, 1);
          ox += 1;
        }
      }
    }
}
