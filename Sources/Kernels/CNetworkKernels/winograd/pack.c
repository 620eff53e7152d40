#include "ck_winograd.h"

// G of F(4, 3) with the interpolation points 0, 1, -1, 2, -2, and of F(2, 3) with 0, 1, -1.
static const double G4[][3] = {{1.0 / 4, 0, 0},
                               {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                               {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                               {1.0 / 24, 1.0 / 12, 1.0 / 6},
                               {1.0 / 24, -1.0 / 12, 1.0 / 6},
                               {0, 0, 1}};
static const double G2[][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

void ck_winograd_pack(float *panels, const float *matrix, ptrdiff_t side, ptrdiff_t channels, ptrdiff_t outputs,
                      ptrdiff_t panel_width) {
  const double(*G)[3] = side == 2 ? G2 : G4;
  const ptrdiff_t width = side + 2;
  const ptrdiff_t count = (outputs + panel_width - 1) / panel_width * panel_width;
  for (ptrdiff_t c = 0; c < channels; c++)
    for (ptrdiff_t o = 0; o < count; o++) {
      double half[6][3] = {{0}};
      if (o < outputs)
        for (ptrdiff_t i = 0; i < width; i++)
          for (int x = 0; x < 3; x++)
            for (int y = 0; y < 3; y++) half[i][x] += G[i][y] * matrix[((y * 3 + x) * channels + c) * outputs + o];
      float *panel = panels + o / panel_width * width * width * channels * panel_width + o % panel_width;
      for (ptrdiff_t i = 0; i < width; i++)
        for (ptrdiff_t k = 0; k < width; k++) {
          double sum = 0;
          for (int x = 0; x < 3; x++) sum += half[i][x] * G[k][x];
          panel[((i * width + k) * channels + c) * panel_width] = (float)sum;
        }
    }
}
