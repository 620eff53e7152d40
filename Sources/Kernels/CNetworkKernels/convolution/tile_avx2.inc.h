// The convolution tile for AVX2: 6 pixels by 16 output channels in 12 of the 16 registers.

enum { GROUP = 3, PANEL = 16 };

// As for AVX-512, with these sizes.
static void tile(float *acc, const float *a, const float *b, ptrdiff_t stride, const float *w, ptrdiff_t count,
                 int is_first, const tile_ahead *ahead) {
  (void)ahead;
  vec sums[2 * GROUP][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * GROUP; i++)
    for (int half = 0; half < 2; half++)
      sums[i][half] = is_first ? splat(0.0f) : load(acc + i * PANEL + half * CK_LANES);
  for (ptrdiff_t k = 0; k < count; k++) {
    const vec low = load(w + k * PANEL), high = load(w + k * PANEL + CK_LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2 * GROUP; i++) {
      const vec x = splat(i < GROUP ? a[i * stride + k] : b[(i - GROUP) * stride + k]);
      sums[i][0] += x * low;
      sums[i][1] += x * high;
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * GROUP; i++)
    for (int half = 0; half < 2; half++) store(acc + i * PANEL + half * CK_LANES, sums[i][half]);
}
