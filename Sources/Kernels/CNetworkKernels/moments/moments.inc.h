// Moments of the columns of a matrix in double, in two passes and in the order of the rows.

typedef double dvec __attribute__((vector_size(CK_LANES * 4)));
typedef float half_vec __attribute__((vector_size(CK_LANES * 2)));

enum { DOUBLES = CK_LANES / 2 };

CK_INLINE dvec widened(const float *p, ptrdiff_t n) {
  half_vec v = {0};
  memcpy(&v, p, (size_t)n * sizeof(float));
  return __builtin_convertvector(v, dvec);
}

// `vectors` (a constant of at most 8) times DOUBLES columns; with `n` < DOUBLES one vector of `n` columns.
CK_INLINE void moments_of_columns(const float *x, ptrdiff_t rows, ptrdiff_t stride, double *mean, double *m2,
                                  int vectors, ptrdiff_t n) {
  dvec sums[8], centers[8];
  const dvec zero = {0};
#pragma clang loop unroll(full)
  for (int i = 0; i < vectors; i++) sums[i] = zero;
  for (ptrdiff_t row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int i = 0; i < vectors; i++) sums[i] += widened(x + row * stride + i * DOUBLES, n);
#pragma clang loop unroll(full)
  for (int i = 0; i < vectors; i++) {
    centers[i] = sums[i] / (zero + (double)rows);
    sums[i] = zero;
  }
  for (ptrdiff_t row = 0; row < rows; row++)
#pragma clang loop unroll(full)
    for (int i = 0; i < vectors; i++) {
      const dvec d = widened(x + row * stride + i * DOUBLES, n) - centers[i];
      sums[i] += d * d;
    }
  for (int i = 0; i < vectors; i++) {
    memcpy(mean + i * DOUBLES, &centers[i], (size_t)n * sizeof(double));
    memcpy(m2 + i * DOUBLES, &sums[i], (size_t)n * sizeof(double));
  }
}

static void moments(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean, double *m2) {
  ptrdiff_t c = 0;
  for (; c + 8 * DOUBLES <= channels; c += 8 * DOUBLES)
    moments_of_columns(x + c, rows, stride, mean + c, m2 + c, 8, DOUBLES);
  for (; c + DOUBLES <= channels; c += DOUBLES)
    moments_of_columns(x + c, rows, stride, mean + c, m2 + c, 1, DOUBLES);
  if (c < channels) moments_of_columns(x + c, rows, stride, mean + c, m2 + c, 1, channels - c);
}
