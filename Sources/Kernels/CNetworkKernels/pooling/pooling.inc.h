// Pooling: maxima and means of windows, and the mean of a whole image.

CK_INLINE vec larger(vec a, vec b) {
  // Takes a NaN from either side, as PyTorch's pooling does.
  return blend((a > b) | (a != a), a, b);
}

CK_INLINE vec pool_window(const ck_pool *j, const float *x, ptrdiff_t y0, ptrdiff_t y1, ptrdiff_t x0, ptrdiff_t x1,
                          ptrdiff_t n) {
  const ck_window *w = &j->window;
  const int maximum = j->kind == CK_POOL_MAX;
  vec v = maximum ? splat(-__builtin_inff()) : splat(0.0f);
  for (ptrdiff_t iy = y0; iy < y1; iy += w->dilation_y)
    for (ptrdiff_t ix = x0; ix < x1; ix += w->dilation_x) {
      const float *p = x + (iy * w->width + ix) * j->x_stride;
      const vec u = n == CK_LANES ? load(p) : load_part(p, n);
      v = maximum ? larger(v, u) : v + u;
    }
  return v;
}

// The first position of a dilated window that is not before the image.
CK_INLINE ptrdiff_t first_inside(ptrdiff_t start, ptrdiff_t dilation) {
  return start >= 0 ? start : start + (-start + dilation - 1) / dilation * dilation;
}

static void pool(const ck_pool *job) {
  const ck_pool *j = job;
  const ck_window *w = &j->window;
  for (ptrdiff_t oy = j->first_row; oy < j->last_row; oy++)
    for (ptrdiff_t ox = 0; ox < w->out_width; ox++) {
      const ptrdiff_t top = oy * w->stride_y - w->pad_top, left = ox * w->stride_x - w->pad_left;
      const ptrdiff_t bottom = top + (w->kernel_height - 1) * w->dilation_y + 1;
      const ptrdiff_t right = left + (w->kernel_width - 1) * w->dilation_x + 1;
      const ptrdiff_t y0 = first_inside(top, w->dilation_y), y1 = minimum_of(bottom, w->height);
      const ptrdiff_t x0 = first_inside(left, w->dilation_x), x1 = minimum_of(right, w->width);
      float factor = 1;
      if (j->kind == CK_POOL_MEAN_VALID) factor = (float)((y1 - y0) * (x1 - x0));
      if (j->kind == CK_POOL_MEAN_PADDED)
        factor = (float)((minimum_of(bottom, w->height + j->pad_bottom) - top) *
                         (minimum_of(right, w->width + j->pad_right) - left));
      float *y = j->y + (oy * w->out_width + ox) * j->y_stride;
      ptrdiff_t c = 0;
      for (; c + CK_LANES <= j->channels; c += CK_LANES) {
        const vec v = pool_window(j, j->x + c, y0, y1, x0, x1, CK_LANES);
        store(y + c, j->kind == CK_POOL_MAX ? v : v / splat(factor));
      }
      if (c < j->channels) {
        const vec v = pool_window(j, j->x + c, y0, y1, x0, x1, j->channels - c);
        store_part(y + c, j->kind == CK_POOL_MAX ? v : v / splat(factor), j->channels - c);
      }
    }
}

static void global_mean(float *y, const float *x, ptrdiff_t height, ptrdiff_t width, ptrdiff_t stride,
                        ptrdiff_t channels) {
  const vec count = splat((float)(height * width));
  for (ptrdiff_t c = 0; c < channels; c += CK_LANES) {
    const ptrdiff_t n = minimum_of(CK_LANES, channels - c);
    vec total = splat(0.0f);
    for (ptrdiff_t row = 0; row < height; row++) {
      const float *p = x + row * width * stride + c;
      vec sum = splat(0.0f);
      if (n == CK_LANES)
        for (ptrdiff_t i = 0; i < width; i++) sum += load(p + i * stride);
      else
        for (ptrdiff_t i = 0; i < width; i++) sum += load_part(p + i * stride, n);
      total += sum;
    }
    store_part(y + c, total / count, n);
  }
}
