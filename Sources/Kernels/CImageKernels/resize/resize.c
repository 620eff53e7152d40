#include "passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The method is that of Pillow's `Resample.c`: separable convolution, horizontal pass first, 8-bit intermediate, filter
// widened by the reduction factor, weights computed in double precision and rounded to 22 fractional bits.

// A fused multiply-add would round the weights differently from Pillow's.
#pragma STDC FP_CONTRACT OFF

typedef struct {
  double (*weight)(double);
  double support;
} filter_shape;

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double bilinear(double x) {
  x = fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x) {
  x = fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= M_PI;
  return sin(x) / x * (0.54f + 0.46f * cos(x));
}

// Keys (1981), "Cubic convolution interpolation for digital image processing", with a = -0.5.
static double bicubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

static double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= M_PI;
  return sin(x) / x;
}

static double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

static const filter_shape shapes[] = {
    [CK_RESIZE_BOX] = {box, 0.5},         [CK_RESIZE_BILINEAR] = {bilinear, 1.0},
    [CK_RESIZE_HAMMING] = {hamming, 1.0}, [CK_RESIZE_BICUBIC] = {bicubic, 2.0},
    [CK_RESIZE_LANCZOS] = {lanczos, 3.0},
};

static void free_plan(axis_plan *plan) {
  free(plan->first);
  free(plan->count);
  free(plan->weights);
  free(plan->halves);
}

// Outputs offset ..< offset + length when `input` samples are resized to `output` samples; without a filter, every
// output is the input at its place.
static _Bool make_plan(
    axis_plan *plan, uint32_t input, uint32_t output, uint32_t offset, uint32_t length, const filter_shape *shape) {
  plan->length = length;
  plan->first = malloc(length * sizeof *plan->first);
  plan->count = malloc(length * sizeof *plan->count);
  if (plan->first == NULL || plan->count == NULL) return 0;
  if (shape == NULL) {
    for (uint32_t i = 0; i < length; i++) {
      plan->first[i] = offset + i;
      plan->count[i] = 1;
    }
    return 1;
  }
  double scale = (double)input / output;
  double filter_scale = scale < 1.0 ? 1.0 : scale;
  double support = shape->support * filter_scale;
  double inverse = 1.0 / filter_scale;
  size_t taps = (size_t)ceil(support) * 2 + 1;
  plan->taps = (uint32_t)taps;
  plan->weights = calloc(length, taps * sizeof *plan->weights);
  double *exact = malloc(taps * sizeof *exact);
  if (plan->weights == NULL || exact == NULL) {
    free(exact);
    return 0;
  }
  for (uint32_t i = 0; i < length; i++) {
    double center = ((double)(offset + i) + 0.5) * scale;
    double low = center - support + 0.5;
    double high = center + support + 0.5;
    uint32_t first = low < 0 ? 0 : (uint32_t)low;
    uint32_t end = high > input ? input : (uint32_t)high;
    uint32_t count = end - first;
    double sum = 0.0;
    for (uint32_t k = 0; k < count; k++) {
      exact[k] = shape->weight(((double)(first + k) - center + 0.5) * inverse);
      sum += exact[k];
    }
    int32_t *weights = plan->weights + i * taps;
    for (uint32_t k = 0; k < count; k++) {
      double weight = sum != 0.0 ? exact[k] / sum : exact[k];
      weights[k] = (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << CK_RESIZE_PRECISION_BITS));
    }
    plan->first[i] = first;
    plan->count[i] = count;
  }
  free(exact);
  return 1;
}

static _Bool split_weights(axis_plan *plan) {
  if (plan->weights == NULL) return 1;
  plan->groups = (plan->taps + 3) / 4;
  plan->halves = calloc((size_t)plan->length * plan->groups, 8 * sizeof *plan->halves);
  if (plan->halves == NULL) return 0;
  for (uint32_t i = 0; i < plan->length; i++) {
    const int32_t *weights = plan->weights + (size_t)i * plan->taps;
    int16_t *halves = plan->halves + (size_t)i * plan->groups * 8;
    for (uint32_t k = 0; k < plan->count[i]; k++) {
      halves[k / 4 * 8 + k % 4] = (int16_t)(weights[k] & ((1 << CK_RESIZE_LOW_BITS) - 1));
      halves[k / 4 * 8 + 4 + k % 4] = (int16_t)(weights[k] >> CK_RESIZE_LOW_BITS);
    }
  }
  return 1;
}

// Makes the plan count from the first input it uses, which is returned.
static uint32_t rebase(axis_plan *plan) {
  uint32_t first = plan->first[0];
  for (uint32_t i = 0; i < plan->length; i++) plan->first[i] -= first;
  return first;
}

// The inputs that a rebased plan uses.
static uint32_t extent(const axis_plan *plan) {
  return plan->first[plan->length - 1] + plan->count[plan->length - 1];
}

// Pillow scales by nearest neighbour with an affine map whose position is accumulated from pixel to pixel; the sum's
// rounding decides ties, so it is accumulated here as well, from the first pixel of the whole image.
static uint32_t *nearest_positions(uint32_t input, uint32_t output, uint32_t offset, uint32_t length) {
  uint32_t *positions = malloc(length * sizeof *positions);
  if (positions == NULL) return NULL;
  double step = (double)input / output;
  double position = step * 0.5;
  for (uint32_t i = 0; i < offset + length; i++, position += step) {
    if (i >= offset) positions[i - offset] = (uint32_t)position;
  }
  return positions;
}

static _Bool resize_nearest(
    const ck_rgb_image *source, uint32_t width, uint32_t height, const ck_resize_window *window, uint8_t *target,
    size_t target_stride) {
  uint32_t *columns = nearest_positions(source->width, width, window->x, window->width);
  uint32_t *rows = nearest_positions(source->height, height, window->y, window->height);
  _Bool done = columns != NULL && rows != NULL;
  for (uint32_t y = 0; done && y < window->height; y++) {
    uint8_t *out = target + target_stride * y;
    memset(out, 0, (size_t)window->width * 3);
    if (rows[y] >= source->height) continue;
    const uint8_t *in = source->pixels + (size_t)source->width * 3 * rows[y];
    for (uint32_t x = 0; x < window->width; x++) {
      if (columns[x] < source->width) memcpy(out + x * 3, in + (size_t)columns[x] * 3, 3);
    }
  }
  free(columns);
  free(rows);
  return done;
}

static _Bool resize_separable(
    const ck_rgb_image *source, uint32_t width, uint32_t height, const filter_shape *shape,
    const ck_resize_window *window, const ck_resize_kernels *passes, output_rows target) {
  _Bool resizes_width = width != source->width;
  _Bool resizes_height = height != source->height;
  // Pillow reduces tall images vertically first; the intermediate is rounded to bytes, so the order shows.
  int64_t lost_rows = (int64_t)source->height - height;
  int64_t lost_columns = (int64_t)source->width - width;
  _Bool vertical_first = lost_rows > 0 && lost_rows > lost_columns * 2;

  axis_plan columns = {0};
  axis_plan rows = {0};
  uint8_t *intermediate = NULL;
  _Bool done = 0;
  if (!make_plan(&columns, source->width, width, window->x, window->width, resizes_width ? shape : NULL)) goto cleanup;
  if (!make_plan(&rows, source->height, height, window->y, window->height, resizes_height ? shape : NULL)) goto cleanup;

  if (passes->splits_weights && (!split_weights(&columns) || !split_weights(&rows))) goto cleanup;

  // The part of the source that the window depends on; the plans count from its corner.
  uint32_t first_column = rebase(&columns);
  uint32_t first_row = rebase(&rows);
  input_rows input = {
      .pixels = source->pixels + ((size_t)source->width * first_row + first_column) * 3,
      .stride = (size_t)source->width * 3,
      .end = source->pixels + (size_t)source->width * source->height * 3,
  };
  size_t target_bytes = (size_t)window->width * 3;

  if (resizes_width && resizes_height) {
    size_t stride = vertical_first ? (size_t)extent(&columns) * 3 : target_bytes;
    size_t bytes = stride * (vertical_first ? window->height : extent(&rows));
    intermediate = malloc(bytes);
    if (intermediate == NULL) goto cleanup;
    output_rows middle = {intermediate, stride};
    input_rows middle_input = {intermediate, stride, intermediate + bytes};
    if (vertical_first) {
      passes->vertical(&rows, input, stride, middle);
      passes->horizontal(&columns, middle_input, window->height, target);
    } else {
      passes->horizontal(&columns, input, extent(&rows), middle);
      passes->vertical(&rows, middle_input, target_bytes, target);
    }
  } else if (resizes_width) {
    passes->horizontal(&columns, input, window->height, target);
  } else if (resizes_height) {
    passes->vertical(&rows, input, target_bytes, target);
  } else {
    for (uint32_t y = 0; y < window->height; y++)
      memcpy(target.pixels + target.stride * y, input.pixels + input.stride * y, target_bytes);
  }
  done = 1;

cleanup:
  free_plan(&columns);
  free_plan(&rows);
  free(intermediate);
  return done;
}

extern const ck_resize_kernels ck_resize_kernels_scalar, ck_resize_kernels_avx2;

static ck_kernel_family family = {
    [CK_SCALAR] = &ck_resize_kernels_scalar,
#if defined(__x86_64__)
    [CK_AVX2] = &ck_resize_kernels_avx2,
#endif
};

const ck_resize_kernels *ck_resize_kernels_for(ck_isa isa) { return ck_kernels_for(family, isa); }

_Bool ck_resize_rgb8(
    const ck_resize_kernels *kernels, const ck_rgb_image *source, uint32_t width, uint32_t height,
    ck_resize_filter filter, const ck_resize_window *window, uint8_t *target, size_t target_stride) {
  if (filter == CK_RESIZE_NEAREST) return resize_nearest(source, width, height, window, target, target_stride);
  output_rows rows = {target, target_stride};
  return resize_separable(source, width, height, &shapes[filter], window, kernels, rows);
}
