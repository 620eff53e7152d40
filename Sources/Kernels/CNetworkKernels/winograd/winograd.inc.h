// F(m x m, 3x3): Y = A^T [(G g G^T) * (B^T d B)] A for tiles d of (m + 2) x (m + 2) inputs; m is `side`, a compile-time
// constant throughout: 4 with the points 0, 1, -1, 2, -2, or 2 with the points 0, 1, -1.

enum { WINOGRAD_SIDE = 4, WINOGRAD_FIELD = (WINOGRAD_SIDE + 2) * (WINOGRAD_SIDE + 2) };  // the larger of the two

// B^T applied to vectors `step` apart.
CK_INLINE void winograd_field_line(vec *out, ptrdiff_t out_step, const vec *d, ptrdiff_t step, int side) {
  if (side == 2) {
    const vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    out[0] = d0 - d2;
    out[out_step] = d1 + d2;
    out[2 * out_step] = d2 - d1;
    out[3 * out_step] = d1 - d3;
    return;
  }
  const vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const vec four = splat(4.0f), five = splat(5.0f), two = splat(2.0f);
  const vec even = d4 - four * d2, odd = d3 - four * d1;
  const vec even2 = d4 - d2, odd2 = two * (d3 - d1);
  out[0] = four * d0 + (d4 - five * d2);
  out[out_step] = even + odd;
  out[2 * out_step] = even - odd;
  out[3 * out_step] = even2 + odd2;
  out[4 * out_step] = even2 - odd2;
  out[5 * out_step] = four * d1 + (d5 - five * d3);
}

// A^T applied to vectors `step` apart.
CK_INLINE void winograd_output_line(vec *out, ptrdiff_t out_step, const vec *m, ptrdiff_t step, int side) {
  if (side == 2) {
    out[0] = m[0] + m[step] + m[2 * step];
    out[out_step] = m[step] - m[2 * step] - m[3 * step];
    return;
  }
  const vec sum = m[step] + m[2 * step], difference = m[step] - m[2 * step];
  const vec sum2 = m[3 * step] + m[4 * step], difference2 = m[3 * step] - m[4 * step];
  out[0] = m[0] + sum + sum2;
  out[out_step] = difference + splat(2.0f) * difference2;
  out[2 * out_step] = sum + splat(4.0f) * sum2;
  out[3 * out_step] = difference + splat(8.0f) * difference2 + m[5 * step];
}

typedef struct winograd_place {
  ptrdiff_t image, y, x;  // of the tile's first output
} winograd_place;

CK_INLINE winograd_place winograd_locate(const ck_winograd *j, ptrdiff_t tile, int side) {
  const ptrdiff_t columns = (j->out_width + side - 1) / side, rows = (j->out_height + side - 1) / side;
  return (winograd_place){
      .image = tile / (columns * rows), .y = tile / columns % rows * side, .x = tile % columns * side};
}

// `is_affine` and `activation`, compile-time constants, say what is done to the inputs first; padding stays zero.
CK_INLINE void winograd_field(const ck_winograd *j, const float *const *pixels, float *fields, ptrdiff_t c, ptrdiff_t n,
                              int side, int is_affine, ck_activation activation) {
  const int width = side + 2;
  vec d[WINOGRAD_FIELD], half[WINOGRAD_FIELD];
  vec scale = splat(1.0f), shift = splat(0.0f);
  if (is_affine) {
    scale = n == CK_LANES ? load(j->in_scale + c) : load_part(j->in_scale + c, n);
    shift = n == CK_LANES ? load(j->in_shift + c) : load_part(j->in_shift + c, n);
  }
  for (int i = 0; i < width * width; i++) {
    if (!pixels[i]) {
      d[i] = splat(0.0f);
      continue;
    }
    d[i] = n == CK_LANES ? load(pixels[i] + c) : load_part(pixels[i] + c, n);
    if (is_affine) {
      // Two statements, which are not contracted, give the bits of `pointwise`.
      d[i] *= scale;
      d[i] += shift;
      d[i] = activate(d[i], activation);
    }
  }
  for (int i = 0; i < width; i++) winograd_field_line(half + i, width, d + i, width, side);
  for (int i = 0; i < width; i++) winograd_field_line(d + width * i, 1, half + width * i, 1, side);
  const ptrdiff_t step = j->field_tiles * j->channels;
  for (int i = 0; i < width * width; i++)
    if (n == CK_LANES)
      store(fields + i * step + c, d[i]);
    else
      store_part(fields + i * step + c, d[i], n);
}

CK_INLINE void winograd_fields_of(const ck_winograd *j, int side, int is_affine, ck_activation activation) {
  for (ptrdiff_t tile = j->first_tile; tile < j->last_tile; tile++) {
    const winograd_place place = winograd_locate(j, tile, side);
    const float *pixels[WINOGRAD_FIELD];
    const int width = side + 2;
    for (int i = 0; i < width * width; i++) {
      const ptrdiff_t iy = place.y - j->pad_top + i / width, ix = place.x - j->pad_left + i % width;
      const int inside = iy >= 0 && iy < j->height && ix >= 0 && ix < j->width;
      pixels[i] = inside ? j->x + place.image * j->x_image + (iy * j->width + ix) * j->x_stride : NULL;
    }
    float *fields = j->fields + (tile - j->first_tile) * j->channels;
    ptrdiff_t c = 0;
    for (; c + CK_LANES <= j->channels; c += CK_LANES)
      winograd_field(j, pixels, fields, c, CK_LANES, side, is_affine, activation);
    if (c < j->channels) winograd_field(j, pixels, fields, c, j->channels - c, side, is_affine, activation);
  }
}

CK_INLINE void winograd_fields_by(const ck_winograd *j, int side) {
  if (!j->in_scale)
    winograd_fields_of(j, side, 0, CK_IDENTITY);
  else if (j->in_activation == CK_RELU)
    winograd_fields_of(j, side, 1, CK_RELU);
  else
    winograd_fields_of(j, side, 1, j->in_activation);
}

static void winograd_fields(const ck_winograd *job) {
  if (job->side == 2)
    winograd_fields_by(job, 2);
  else
    winograd_fields_by(job, 4);
}

// The outputs of one tile in CK_LANES channels (`n` of them wanted) from `o` on.
CK_INLINE void winograd_write(const ck_winograd *j, const float *products, ptrdiff_t step, winograd_place place,
                              ptrdiff_t o, ptrdiff_t n, int side, ck_activation activation) {
  const int width = side + 2;
  vec m[WINOGRAD_FIELD], half[WINOGRAD_SIDE * (WINOGRAD_SIDE + 2)], y[WINOGRAD_SIDE * WINOGRAD_SIDE];
#pragma clang loop unroll(full)
  for (int i = 0; i < width * width; i++) m[i] = load(products + i * step);
#pragma clang loop unroll(full)
  for (int i = 0; i < width; i++) winograd_output_line(half + i, width, m + i, width, side);
#pragma clang loop unroll(full)
  for (int i = 0; i < side; i++) winograd_output_line(y + side * i, 1, half + width * i, 1, side);
  const int is_whole = n == CK_LANES;
  const vec one = splat(1.0f), zero = splat(0.0f);
  const vec scale = !j->scale ? one : is_whole ? load(j->scale + o) : load_part(j->scale + o, n);
  const vec shift = !j->shift ? zero : is_whole ? load(j->shift + o) : load_part(j->shift + o, n);
  const ptrdiff_t rows = minimum_of(side, j->out_height - place.y),
                  columns = minimum_of(side, j->out_width - place.x);
  for (ptrdiff_t r = 0; r < rows; r++)
    for (ptrdiff_t c = 0; c < columns; c++) {
      const ptrdiff_t at =
          place.image * j->y_image + ((place.y + r) * j->out_width + place.x + c) * j->y_stride + o;
      vec v = y[side * r + c] * scale + shift;
      if (j->residual) v += is_whole ? load(j->residual + at) : load_part(j->residual + at, n);
      v = activate(v, activation);
      if (is_whole)
        store(j->y + at, v);
      else
        store_part(j->y + at, v, n);
    }
}

CK_INLINE void winograd_write_panel(const ck_winograd *j, const float *products, ptrdiff_t panel, ptrdiff_t tiles,
                                    int side, ck_activation activation) {
  const ptrdiff_t step = (tiles + 2 * GROUP - 1) / (2 * GROUP) * (2 * GROUP) * PANEL;
  for (ptrdiff_t t = 0; t < tiles; t++) {
    const winograd_place place = winograd_locate(j, j->first_tile + t, side);
    for (ptrdiff_t lane = 0; lane < PANEL && panel * PANEL + lane < j->outputs; lane += CK_LANES) {
      const ptrdiff_t o = panel * PANEL + lane;
      winograd_write(
          j, products + t * PANEL + lane, step, place, o, minimum_of(CK_LANES, j->outputs - o), side, activation);
    }
  }
}

// Some panels at a time, element by element: one element of the fields and of these panels' weights fits into the cache
// next to the processor, where all elements would not.
CK_INLINE void winograd_outputs_by(const ck_winograd *j, int side) {
  const ptrdiff_t elements = (side + 2) * (side + 2);
  const ptrdiff_t tiles = j->last_tile - j->first_tile;
  const ptrdiff_t groups = (tiles + 2 * GROUP - 1) / (2 * GROUP);
  const ptrdiff_t per_panel = elements * groups * 2 * GROUP * PANEL;
  for (ptrdiff_t first = j->first_panel; first < j->last_panel; first += CK_WINOGRAD_PANELS) {
    const ptrdiff_t panels = minimum_of(CK_WINOGRAD_PANELS, j->last_panel - first);
    for (ptrdiff_t e = 0; e < elements; e++)
      for (ptrdiff_t p = 0; p < panels; p++)
        for (ptrdiff_t g = 0; g < groups; g++) {
          const float *a = j->fields + (e * j->field_tiles + g * 2 * GROUP) * j->channels;
          tile(j->products + p * per_panel + (e * groups + g) * 2 * GROUP * PANEL, a, a + GROUP * j->channels,
               j->channels, j->weight + ((first + p) * elements + e) * j->channels * PANEL, j->channels, 1,
               &nothing_ahead);
        }
    for (ptrdiff_t p = 0; p < panels; p++) {
      const float *products = j->products + p * per_panel;
      if (j->activation == CK_RELU)
        winograd_write_panel(j, products, first + p, tiles, side, CK_RELU);
      else if (j->activation == CK_IDENTITY)
        winograd_write_panel(j, products, first + p, tiles, side, CK_IDENTITY);
      else
        winograd_write_panel(j, products, first + p, tiles, side, j->activation);
    }
  }
}

static void winograd_outputs(const ck_winograd *job) {
  if (job->side == 2)
    winograd_outputs_by(job, 2);
  else
    winograd_outputs_by(job, 4);
}
