// Convolutions of bfloat16 numbers, products and sums in float32. The rows that a job reads are rounded first. Pairs of
// input channels then take the place of floats, so that the loops of float32 serve them; zeros fill the channels up to
// what one tile register of AMX holds.

// CK_BF16_CHANNELS channels, rounded to nearest with ties to even.
CK_INLINE void round_channels(float *pairs, const float *x) {
  const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + CK_LANES), _mm512_loadu_ps(x));
  memcpy(pairs, &v, sizeof v);
}

CK_INLINE void round_pixel(float *pairs, const float *x, ptrdiff_t channels) {
  ptrdiff_t c = 0;
  for (; c + CK_BF16_CHANNELS <= channels; c += CK_BF16_CHANNELS) round_channels(pairs + c / 2, x + c);
  if (c < channels) {
    float rest[CK_BF16_CHANNELS] = {0};
    memcpy(rest, x + c, (size_t)(channels - c) * sizeof(float));
    round_channels(pairs + c / 2, rest);
  }
}

CK_INLINE void conv_bf16_by(const ck_conv *job, tile_function *multiply) {
  const ck_window *w = &job->window;
  const ptrdiff_t pairs = ck_conv_bf16_pairs(job->channels), rows = job->last_row - job->first_row;
  const int is_point = w->kernel_height == 1 && w->kernel_width == 1 && w->pad_top == 0 && w->pad_left == 0;
  ck_conv inner = *job;
  inner.x = job->scratch;
  inner.x_stride = inner.channels = pairs;
  inner.window.pad_top = inner.window.pad_left = 0;
  inner.window.out_height = rows;
  // Of a window of one pixel the pixels between strides are left out.
  const ptrdiff_t step_y = is_point ? w->stride_y : 1, step_x = is_point ? w->stride_x : 1;
  if (is_point) inner.window.stride_y = inner.window.stride_x = 1;
  inner.window.height = (rows - 1) * inner.window.stride_y + (w->kernel_height - 1) * w->dilation_y + 1;
  inner.window.width = (w->out_width - 1) * inner.window.stride_x + (w->kernel_width - 1) * w->dilation_x + 1;
  inner.first_image = inner.first_row = 0;
  inner.last_image = 1;
  inner.last_row = rows;
  const ptrdiff_t top = job->first_row * w->stride_y - w->pad_top;
  for (ptrdiff_t image = job->first_image; image < job->last_image; image++) {
    float *to = job->scratch;
    for (ptrdiff_t row = 0; row < inner.window.height; row++)
      for (ptrdiff_t column = 0; column < inner.window.width; column++, to += pairs) {
        const ptrdiff_t y = top + row * step_y, x = column * step_x - w->pad_left;
        if (y >= 0 && y < w->height && x >= 0 && x < w->width)
          round_pixel(to, job->x + image * job->x_image + (y * w->width + x) * job->x_stride, job->channels);
        else
          memset(to, 0, (size_t)pairs * sizeof(float));
      }
    const ptrdiff_t offset = image * job->y_image + job->first_row * w->out_width * job->y_stride;
    inner.y = job->y + offset;
    inner.residual = job->residual ? job->residual + offset : NULL;
    conv_by(&inner, multiply);
  }
}
