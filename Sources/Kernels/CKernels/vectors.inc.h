// Vectors of CK_LANES floats and what is done to every element of a result.

typedef float vec __attribute__((vector_size(CK_LANES * 4)));
typedef int ivec __attribute__((vector_size(CK_LANES * 4)));

#define INLINE static inline __attribute__((always_inline))

INLINE ptrdiff_t minimum_of(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

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
