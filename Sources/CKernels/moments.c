#include "ck_moments.h"

// Columns are taken a few at a time so that the sums stay in registers.
enum { lanes = 16 };

void ck_channel_moments(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean,
                        double *m2) {
  for (ptrdiff_t first = 0; first < channels; first += lanes) {
    const ptrdiff_t n = channels - first < lanes ? channels - first : lanes;
    double sum[lanes] = {0}, squares[lanes] = {0}, center[lanes] = {0};
    const float *column = x + first;
    for (ptrdiff_t row = 0; row < rows; row++)
      for (ptrdiff_t i = 0; i < n; i++) sum[i] += column[row * stride + i];
    for (ptrdiff_t i = 0; i < n; i++) center[i] = sum[i] / (double)rows;
    for (ptrdiff_t row = 0; row < rows; row++)
      for (ptrdiff_t i = 0; i < n; i++) {
        const double d = column[row * stride + i] - center[i];
        squares[i] += d * d;
      }
    for (ptrdiff_t i = 0; i < n; i++) {
      mean[first + i] = center[i];
      m2[first + i] = squares[i];
    }
  }
}
