#include "passes.h"

static uint8_t clipped(int32_t sum) {
  int32_t value = sum >> CK_RESIZE_PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

void ck_resize_row(const axis_plan *plan, uint32_t from, uint32_t to, const uint8_t *source, uint8_t *target) {
  for (uint32_t i = from; i < to; i++) {
    const uint8_t *pixel = source + (size_t)plan->first[i] * 3;
    const int32_t *weights = plan->weights + (size_t)i * plan->taps;
    int32_t r = 1 << (CK_RESIZE_PRECISION_BITS - 1);
    int32_t g = r;
    int32_t b = r;
    for (uint32_t k = 0; k < plan->count[i]; k++, pixel += 3) {
      r += pixel[0] * weights[k];
      g += pixel[1] * weights[k];
      b += pixel[2] * weights[k];
    }
    target[i * 3] = clipped(r);
    target[i * 3 + 1] = clipped(g);
    target[i * 3 + 2] = clipped(b);
  }
}

void ck_resize_column(
    const axis_plan *plan, uint32_t output, const uint8_t *source, size_t stride, size_t from, size_t to,
    uint8_t *target) {
  const int32_t *weights = plan->weights + (size_t)output * plan->taps;
  for (size_t x = from; x < to; x++) {
    int32_t sum = 1 << (CK_RESIZE_PRECISION_BITS - 1);
    for (uint32_t k = 0; k < plan->count[output]; k++) sum += source[k * stride + x] * weights[k];
    target[x] = clipped(sum);
  }
}

static void horizontal(const axis_plan *plan, input_rows source, uint32_t rows, output_rows target) {
  for (uint32_t y = 0; y < rows; y++)
    ck_resize_row(plan, 0, plan->length, source.pixels + source.stride * y, target.pixels + target.stride * y);
}

static void vertical(const axis_plan *plan, input_rows source, size_t bytes, output_rows target) {
  for (uint32_t y = 0; y < plan->length; y++) {
    ck_resize_column(
        plan, y, source.pixels + source.stride * plan->first[y], source.stride, 0, bytes,
        target.pixels + target.stride * y);
  }
}

const ck_resize_kernels ck_resize_kernels_scalar = {.isa = CK_SCALAR, .horizontal = horizontal, .vertical = vertical};
