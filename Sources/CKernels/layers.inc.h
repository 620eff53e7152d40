// The layer kernels for vectors of CK_LANES floats; included once per instruction set, inside its target attribute.
// Channels that do not fill a vector go through a padded copy, so that they are computed by the same instructions.

typedef float vec __attribute__((vector_size(CK_LANES * 4)));
typedef int ivec __attribute__((vector_size(CK_LANES * 4)));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec load_part(const float *p, ptrdiff_t n) {
  float buffer[CK_LANES] = {0};
  memcpy(buffer, p, (size_t)n * sizeof(float));
  return load(buffer);
}
INLINE void store_part(float *p, vec v, ptrdiff_t n) { memcpy(p, &v, (size_t)n * sizeof(float)); }
INLINE vec splat(float x) { return (vec){0} + x; }
INLINE vec blend(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
// A comparison with NaN is false, so these keep a NaN in `a`.
INLINE vec at_least(vec a, float bound) { return blend(a < splat(bound), splat(bound), a); }
INLINE vec at_most(vec a, float bound) { return blend(a > splat(bound), splat(bound), a); }

// e^x to about 2 ulp for x in [-87, 88], clamped outside: e^x = 2^n e^r with |r| <= ln(2)/2 (Cody and Waite), the
// polynomial being that of Moshier's Cephes expf.
INLINE vec exponential(vec x) {
  x = at_most(at_least(x, -87.0f), 88.0f);
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const vec shifted = x * splat(1.44269504088896341f) + splat(magic);
  const vec n = shifted - splat(magic);
  const vec r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
  vec p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * r * r + r + splat(1.0f);
  const ivec bits = (ivec)shifted - (ivec)splat(magic);
  return (vec)((ivec)p + (bits << 23));
}
INLINE vec sigmoid(vec x) { return splat(1.0f) / (splat(1.0f) + exponential(-x)); }
INLINE vec hard_gate(vec x) { return at_most(at_least(x + splat(3.0f), 0.0f), 6.0f) * splat(1.0f / 6.0f); }

INLINE vec activate(vec x, ck_activation activation) {
  switch (activation) {
    case ck_relu: return at_least(x, 0.0f);
    case ck_relu6: return at_most(at_least(x, 0.0f), 6.0f);
    case ck_sigmoid: return sigmoid(x);
    case ck_silu: return x * sigmoid(x);
    case ck_hard_sigmoid: return hard_gate(x);
    case ck_hard_swish: return x * hard_gate(x);
    default: return x;
  }
}

// `activation` and `parts` are compile-time constants at every call.
enum { has_scale = 1, has_shift = 2, has_residual = 4 };

INLINE void pointwise_rows(const ck_pointwise *job, ck_activation activation, int parts) {
  const ck_pointwise j = *job;
  for (ptrdiff_t row = 0; row < j.rows; row++) {
    const float *x = j.x + row * j.x_stride;
    const float *residual = (parts & has_residual) ? j.residual + row * j.residual_stride : NULL;
    float *y = j.y + row * j.y_stride;
    ptrdiff_t c = 0;
    for (; c + CK_LANES <= j.channels; c += CK_LANES) {
      vec v = load(x + c);
      if (parts & has_scale) v *= load(j.scale + c);
      if (parts & has_shift) v += load(j.shift + c);
      if (parts & has_residual) v += load(residual + c);
      store(y + c, activate(v, activation));
    }
    const ptrdiff_t rest = j.channels - c;
    if (rest > 0) {
      vec v = load_part(x + c, rest);
      if (parts & has_scale) v *= load_part(j.scale + c, rest);
      if (parts & has_shift) v += load_part(j.shift + c, rest);
      if (parts & has_residual) v += load_part(residual + c, rest);
      store_part(y + c, activate(v, activation), rest);
    }
  }
}

INLINE void pointwise_parts(const ck_pointwise *job, ck_activation activation) {
  switch ((job->scale ? has_scale : 0) | (job->shift ? has_shift : 0) | (job->residual ? has_residual : 0)) {
    case 0: pointwise_rows(job, activation, 0); break;
    case 1: pointwise_rows(job, activation, 1); break;
    case 2: pointwise_rows(job, activation, 2); break;
    case 3: pointwise_rows(job, activation, 3); break;
    case 4: pointwise_rows(job, activation, 4); break;
    case 5: pointwise_rows(job, activation, 5); break;
    case 6: pointwise_rows(job, activation, 6); break;
    default: pointwise_rows(job, activation, 7); break;
  }
}

static void pointwise(const ck_pointwise *job) {
  switch (job->activation) {
    case ck_relu: pointwise_parts(job, ck_relu); break;
    case ck_relu6: pointwise_parts(job, ck_relu6); break;
    case ck_sigmoid: pointwise_parts(job, ck_sigmoid); break;
    case ck_silu: pointwise_parts(job, ck_silu); break;
    case ck_hard_sigmoid: pointwise_parts(job, ck_hard_sigmoid); break;
    case ck_hard_swish: pointwise_parts(job, ck_hard_swish); break;
    default: pointwise_parts(job, ck_identity); break;
  }
}

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

INLINE ptrdiff_t minimum_of(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

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
// Rows of PANEL floats, `stride` floats apart, that are written next, and the residual that is read for them or NULL.
typedef struct tile_ahead {
  const float *target, *residual;
  ptrdiff_t stride, rows;
} tile_ahead;
static const tile_ahead nothing_ahead = {0};

#include "grouped.inc.h"
#include CK_CONV
#include "conv.inc.h"
#include "winograd.inc.h"
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
