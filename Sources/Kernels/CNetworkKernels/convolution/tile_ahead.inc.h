// Rows of PANEL floats, `stride` floats apart, that are written next, and the residual that is read for them or NULL.
typedef struct tile_ahead {
  const float *target, *residual;
  ptrdiff_t stride, rows;
} tile_ahead;
static const tile_ahead nothing_ahead = {0};
