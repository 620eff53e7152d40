// Normalizations of rows: LayerNorm and softmax. Every row is summed in the same order, whatever the number of rows.

// The first `n` elements and zeros.
CK_INLINE vec first_of(vec v, ptrdiff_t n) {
  float lanes[CK_LANES] = {0};
  memcpy(lanes, &v, (size_t)n * sizeof(float));
  return load(lanes);
}

static void layer_norm(const ck_layer_norm *job) {
  const ck_layer_norm j = *job;
  const ptrdiff_t whole = j.channels / CK_LANES * CK_LANES, rest = j.channels - whole;
  for (ptrdiff_t row = 0; row < j.rows; row++) {
    const float *x = j.x + row * j.x_stride;
    float *y = j.y + row * j.y_stride;
    vec sum = {0};
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) sum += load(x + c);
    if (rest > 0) sum += load_part(x + whole, rest);
    const float mean = sum_of(sum) / (float)j.channels;
    vec squares = {0};
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) {
      const vec d = load(x + c) - splat(mean);
      squares += d * d;
    }
    if (rest > 0) {
      const vec d = first_of(load_part(x + whole, rest) - splat(mean), rest);
      squares += d * d;
    }
    const float scale = 1.0f / __builtin_sqrtf(sum_of(squares) / (float)j.channels + j.eps);
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) {
      vec v = (load(x + c) - splat(mean)) * splat(scale);
      if (j.weight) v *= load(j.weight + c);
      if (j.bias) v += load(j.bias + c);
      store(y + c, v);
    }
    if (rest > 0) {
      vec v = (load_part(x + whole, rest) - splat(mean)) * splat(scale);
      if (j.weight) v *= load_part(j.weight + whole, rest);
      if (j.bias) v += load_part(j.bias + whole, rest);
      store_part(y + whole, v, rest);
    }
  }
}

CK_INLINE vec larger_of(vec a, vec b) { return blend(a < b, b, a); }

CK_INLINE float largest_of(vec v) {
  float lanes[CK_LANES];
  store(lanes, v);
  for (ptrdiff_t width = CK_LANES / 2; width > 0; width /= 2)
    for (ptrdiff_t i = 0; i < width; i++) lanes[i] = lanes[i] < lanes[i + width] ? lanes[i + width] : lanes[i];
  return lanes[0];
}

static void softmax(const ck_softmax *job) {
  const ck_softmax j = *job;
  const ptrdiff_t whole = j.columns / CK_LANES * CK_LANES, rest = j.columns - whole;
  for (ptrdiff_t row = 0; row < j.rows; row++) {
    float *x = j.x + row * j.x_stride;
    const float *bias = j.bias ? j.bias + row * j.bias_stride : NULL;
    vec largest = splat(-__builtin_inff());
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) {
      vec v = load(x + c);
      if (bias) {
        v += load(bias + c);
        store(x + c, v);
      }
      largest = larger_of(largest, v);
    }
    float top = largest_of(largest);
    for (ptrdiff_t c = whole; c < j.columns; c++) {
      if (bias) x[c] += bias[c];
      top = top < x[c] ? x[c] : top;
    }
    vec sum = {0};
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) {
      const vec d = load(x + c) - splat(top);
      const vec e = exponential(d) + (d - d);  // d - d keeps a NaN
      store(x + c, e);
      sum += e;
    }
    if (rest > 0) {
      const vec d = load_part(x + whole, rest) - splat(top);
      const vec e = first_of(exponential(d) + (d - d), rest);
      store_part(x + whole, e, rest);
      sum += e;
    }
    const float scale = 1.0f / sum_of(sum);
    for (ptrdiff_t c = 0; c < whole; c += CK_LANES) store(x + c, load(x + c) * splat(scale));
    for (ptrdiff_t c = whole; c < j.columns; c++) x[c] *= scale;
  }
}
