// Activations, and y = activation(x * scale + shift + residual) for every channel.

// e^x to about 2 ulp for x in [-87, 88], clamped outside: e^x = 2^n e^r with |r| <= ln(2)/2 (Cody and Waite), the
// polynomial being that of Moshier's Cephes expf.
CK_INLINE vec exponential(vec x) {
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
CK_INLINE vec sigmoid(vec x) { return splat(1.0f) / (splat(1.0f) + exponential(-x)); }
CK_INLINE vec hard_gate(vec x) { return at_most(at_least(x + splat(3.0f), 0.0f), 6.0f) * splat(1.0f / 6.0f); }

// x times the normal distribution function of x, whose tail is half of Abramowitz and Stegun's 7.1.26 (error at most
// 1.5e-7 of erf).
CK_INLINE vec gelu(vec x) {
  const vec size = blend(x < splat(0.0f), -x, x) * splat(0.70710678118654752f);
  const vec t = splat(1.0f) / (splat(1.0f) + splat(0.3275911f) * size);
  vec p = splat(1.061405429f);
  p = p * t + splat(-1.453152027f);
  p = p * t + splat(1.421413741f);
  p = p * t + splat(-0.284496736f);
  p = p * t + splat(0.254829592f);
  const vec tail = splat(0.5f) * p * t * exponential(-size * size);
  return x * blend(x < splat(0.0f), tail, splat(1.0f) - tail);
}
// The approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) of Hendrycks and Gimpel (2016).
CK_INLINE vec gelu_tanh(vec x) {
  return x * sigmoid(splat(1.5957691216057308f) * (x + splat(0.044715f) * x * x * x));
}

CK_INLINE vec activate(vec x, ck_activation activation) {
  switch (activation) {
    case CK_RELU: return at_least(x, 0.0f);
    case CK_RELU6: return at_most(at_least(x, 0.0f), 6.0f);
    case CK_SIGMOID: return sigmoid(x);
    case CK_SILU: return x * sigmoid(x);
    case CK_HARD_SIGMOID: return hard_gate(x);
    case CK_HARD_SWISH: return x * hard_gate(x);
    case CK_GELU: return gelu(x);
    case CK_GELU_TANH: return gelu_tanh(x);
    case CK_QUICK_GELU: return x * sigmoid(splat(1.702f) * x);
    default: return x;
  }
}

// `activation` and `parts` are compile-time constants at every call.
enum { has_scale = 1, has_shift = 2, has_residual = 4 };

CK_INLINE void pointwise_rows(const ck_pointwise *job, ck_activation activation, int parts) {
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

CK_INLINE void pointwise_parts(const ck_pointwise *job, ck_activation activation) {
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
    case CK_RELU: pointwise_parts(job, CK_RELU); break;
    case CK_RELU6: pointwise_parts(job, CK_RELU6); break;
    case CK_SIGMOID: pointwise_parts(job, CK_SIGMOID); break;
    case CK_SILU: pointwise_parts(job, CK_SILU); break;
    case CK_HARD_SIGMOID: pointwise_parts(job, CK_HARD_SIGMOID); break;
    case CK_HARD_SWISH: pointwise_parts(job, CK_HARD_SWISH); break;
    case CK_GELU: pointwise_parts(job, CK_GELU); break;
    case CK_GELU_TANH: pointwise_parts(job, CK_GELU_TANH); break;
    case CK_QUICK_GELU: pointwise_parts(job, CK_QUICK_GELU); break;
    default: pointwise_parts(job, CK_IDENTITY); break;
  }
}
