// Convolution in narrow groups. A vector holds the inputs of whole groups; permuting puts the same input of every group
// together with all of the group's outputs, so that no product is formed that is not needed.

CK_INLINE void grouped_pixels(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                              int pixels, ptrdiff_t c) {
  const ck_window *w = &j->window;
  const ptrdiff_t step = w->stride_x * j->x_stride;
  ivec first;
  for (int lane = 0; lane < CK_LANES; lane++) first[lane] = lane - lane % (int)j->group_width;
  vec sums[4] = {{0}};
  for (ptrdiff_t ky = taps.y0; ky < taps.y1; ky++)
    for (ptrdiff_t kx = taps.x0; kx < taps.x1; kx++) {
      const float *weight = j->weight + (ky * w->kernel_width + kx) * j->group_width * j->channels + c;
      const float *from = x + (ky * w->dilation_y * w->width + kx * w->dilation_x) * j->x_stride + c;
      vec inputs[4];
#pragma clang loop unroll(full)
      for (int i = 0; i < pixels; i++) inputs[i] = load(from + i * step);
      ivec index = first;
      for (ptrdiff_t k = 0; k < j->group_width; k++, index += 1) {
        const vec factor = load(weight + k * j->channels);
#pragma clang loop unroll(full)
        for (int i = 0; i < pixels; i++) sums[i] += CK_PERMUTE(inputs[i], index) * factor;
      }
    }
  window_finish(j, sums, y, residual, pixels, c, CK_LANES);
}

static void grouped_kernel(const ck_conv *j, const float *x, float *y, const float *residual, tap_range taps,
                           int pixels) {
  for (ptrdiff_t c = 0; c < j->channels; c += CK_LANES)
    if (pixels == 4)
      grouped_pixels(j, x, y, residual, taps, 4, c);
    else
      grouped_pixels(j, x, y, residual, taps, 1, c);
}

static void grouped(const ck_conv *job) { for_each_pixels(job, grouped_kernel); }
