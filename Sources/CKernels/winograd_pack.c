#include <string.h>

#include "ck_layers.h"

// G of F(4, 3) with the interpolation points 0, 1, -1, 2, -2.
static const double G[6][3] = {{1.0 / 4, 0, 0},
                               {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                               {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                               {1.0 / 24, 1.0 / 12, 1.0 / 6},
                               {1.0 / 24, -1.0 / 12, 1.0 / 6},
                               {0, 0, 1}};

void ck_winograd_pack(float *panels, const float *matrix, ptrdiff_t channels, ptrdiff_t outputs,
                      ptrdiff_t panel_width) {
  const ptrdiff_t count = (outputs + panel_width - 1) / panel_width * panel_width;
  for (ptrdiff_t c = 0; c < channels; c++)
    for (ptrdiff_t o = 0; o < count; o++) {
      double half[6][3] = {{0}};
      if (o < outputs)
        for (int i = 0; i < 6; i++)
          for (int x = 0; x < 3; x++)
            for (int y = 0; y < 3; y++) half[i][x] += G[i][y] * matrix[((y * 3 + x) * channels + c) * outputs + o];
      float *panel = panels + o / panel_width * 36 * channels * panel_width + o % panel_width;
      for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++) {
          double sum = 0;
          for (int x = 0; x < 3; x++) sum += half[i][x] * G[k][x];
          panel[((i * 6 + k) * channels + c) * panel_width] = (float)sum;
        }
    }
}
