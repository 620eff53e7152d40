// Depthwise convolution: one filter per channel.

// `pixels` (a constant of at most 4) neighbouring outputs with the same taps, in `n` channels from `c` on.
CK_INLINE void depthwise_pixels(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                                int pixels, ptrdiff_t c, ptrdiff_t n) {
  const ck_window *w = &j->window;
  const ptrdiff_t step = w->stride_x * j->x_stride;
  const int is_whole = n == CK_LANES;
  vec sums[4] = {{0}};
  for (ptrdiff_t ky = taps.y0; ky < taps.y1; ky++)
    for (ptrdiff_t kx = taps.x0; kx < taps.x1; kx++) {
      const float *weight = j->weight + (ky * w->kernel_width + kx) * j->channels + c;
      const vec factor = is_whole ? load(weight) : load_part(weight, n);
      const float *from = x + (ky * w->dilation_y * w->width + kx * w->dilation_x) * j->x_stride + c;
#pragma clang loop unroll(full)
      for (int i = 0; i < pixels; i++)
        sums[i] += (is_whole ? load(from + i * step) : load_part(from + i * step, n)) * factor;
    }
  window_finish(j, sums, y, residual, pixels, c, n);
}

CK_INLINE void depthwise_channels(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                                  int pixels) {
  ptrdiff_t c = 0;
  for (; c + CK_LANES <= j->channels; c += CK_LANES)
    depthwise_pixels(j, x, y, residual, taps, pixels, c, CK_LANES);
  if (c < j->channels) depthwise_pixels(j, x, y, residual, taps, pixels, c, j->channels - c);
}

static void depthwise_kernel(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                             int pixels) {
  if (pixels == 4)
    depthwise_channels(j, x, y, residual, taps, 4);
  else
    depthwise_channels(j, x, y, residual, taps, 1);
}

static void depthwise(const ck_conv *job) { for_each_pixels(job, depthwise_kernel); }
