#include "ck_moments.h"

#include "ck_layers.h"

void ck_channel_moments(const float *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t stride, double *mean,
                        double *m2) {
  ck_layer_kernels_for(ck_best_isa())->moments(x, rows, channels, stride, mean, m2);
}
