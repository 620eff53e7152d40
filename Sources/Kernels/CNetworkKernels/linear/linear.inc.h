// Fully connected layers, for classifiers: few rows, whose weights are read once for four of them.

CK_INLINE float sum_of(vec v) {
  float lanes[CK_LANES];
  store(lanes, v);
  for (ptrdiff_t width = CK_LANES / 2; width > 0; width /= 2)
    for (ptrdiff_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
  return lanes[0];
}

// `images` rows share every loaded weight; the sum of each row is formed in the same order for any `images`.
CK_INLINE void linear_rows(const ck_linear *j, ptrdiff_t row, ptrdiff_t images) {
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
