// The layer kernels for vectors of CK_LANES floats; included once per instruction set, inside its target attribute.
// Channels that do not fill a vector go through a padded copy, so that they are computed by the same instructions.

#include "vectors.inc.h"

INLINE vec larger(vec a, vec b) {
  // Takes a NaN from either side, as PyTorch's pooling does.
  return blend((a > b) | (a != a), a, b);
}

INLINE vec pool_window(const ck_pool *j, const float *x, ptrdiff_t y0, ptrdiff_t y1, ptrdiff_t x0, ptrdiff_t x1,
                       ptrdiff_t n) {
  const ck_window *w = &j->window;
  const int maximum = j->kind == ck_max;
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
INLINE ptrdiff_t first_inside(ptrdiff_t start, ptrdiff_t dilation) {
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
      if (j->kind == ck_mean_valid) factor = (float)((y1 - y0) * (x1 - x0));
      if (j->kind == ck_mean_padded)
        factor = (float)((minimum_of(bottom, w->height + j->pad_bottom) - top) *
                         (minimum_of(right, w->width + j->pad_right) - left));
      float *y = j->y + (oy * w->out_width + ox) * j->y_stride;
      ptrdiff_t c = 0;
      for (; c + CK_LANES <= j->channels; c += CK_LANES) {
        const vec v = pool_window(j, j->x + c, y0, y1, x0, x1, CK_LANES);
        store(y + c, j->kind == ck_max ? v : v / splat(factor));
      }
      if (c < j->channels) {
        const vec v = pool_window(j, j->x + c, y0, y1, x0, x1, j->channels - c);
        store_part(y + c, j->kind == ck_max ? v : v / splat(factor), j->channels - c);
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

INLINE float sum_of(vec v) {
  float lanes[CK_LANES];
  store(lanes, v);
  for (ptrdiff_t width = CK_LANES / 2; width > 0; width /= 2)
    for (ptrdiff_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
  return lanes[0];
}

// `images` rows share every loaded weight; the sum of each row is formed in the same order for any `images`.
INLINE void linear_rows(const ck_linear *j, ptrdiff_t row, ptrdiff_t images) {
  for (ptrdiff_t o = j->first_output; o < j->last_output; o++) {
    const float *w = j->weight + o * j->inputs;
    const float *x = j->x + row * j->x_stride;
    vec sum[4] = {{0}};
    ptrdiff_t k = 0;
    for (; k + CK_LANES <= j->inputs; k += CK_LANES) {
      const vec weight = load(w + k);
      for (ptrdiff_t i = 0; i < images; i++) sum[i] += load(x + i * j->x_stride + k) * weight;
    }
    if (k < j->inputs) {
      const vec weight = load_part(w + k, j->inputs - k);
      for (ptrdiff_t i = 0; i < images; i++)
        sum[i] += load_part(x + i * j->x_stride + k, j->inputs - k) * weight;
    }
    for (ptrdiff_t i = 0; i < images; i++)
      j->y[(row + i) * j->y_stride + o] = sum_of(sum[i]) + (j->bias ? j->bias[o] : 0.0f);
  }
}

static void linear(const ck_linear *job) {
  ptrdiff_t row = 0;
  for (; row + 4 <= job->rows; row += 4) linear_rows(job, row, 4);
  for (; row < job->rows; row++) linear_rows(job, row, 1);
}

#include "depthwise.inc.h"
#include "moments.inc.h"

#ifdef CK_CONV
#include "grouped.inc.h"
#include "tile_ahead.inc.h"
#include CK_CONV
#include "conv.inc.h"
#include "winograd.inc.h"

static void conv(const ck_conv *job) { conv_by(job, tile); }
#endif

const ck_layer_kernels CK_TABLE = {
    .name = CK_NAME,
#ifdef CK_CONV
    .panel_width = PANEL,
    .tile_pixels = 2 * GROUP,
    .conv = conv,
    .grouped = grouped,
    .widest_group = CK_LANES / 2,
    .winograd_fields = winograd_fields,
    .winograd_outputs = winograd_outputs,
#endif
    .lanes = CK_LANES,
    .depthwise = depthwise,
    .moments = moments,
    .pointwise = pointwise, .pool = pool, .linear = linear, .global_mean = global_mean};
