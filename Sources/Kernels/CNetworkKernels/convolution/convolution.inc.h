// Dense convolution by tiles of 2 * GROUP pixels and PANEL output channels. An output's products are added in the order
// ky, kx, channel, whatever the division into tiles and jobs.

// GROUP output pixels in a row. `skip` of them belong to the group before, so that a last, incomplete group stays
// inside of its row.
typedef struct pixel_group {
  const float *x;
  float *y;
  const float *residual;
  ptrdiff_t skip, count;
} pixel_group;

// Where a job's input stands, padded where need be, and how the products of one output are spread.
typedef struct conv_source {
  ptrdiff_t pixel;              // distance between the inputs of neighbouring output pixels
  ptrdiff_t segments, segment;  // runs of consecutive input floats, and their length
  ptrdiff_t runs_per_row;       // segments per kernel row
  ptrdiff_t row, run;           // distance between kernel rows, and between the runs of one
} conv_source;

// As `pointwise` on a whole panel of some pixels, whose scales are loaded once. `activation` is a compile-time
// constant.
CK_INLINE void finish_panel(const ck_pointwise *job, ck_activation activation) {
  enum { VECTORS = PANEL / CK_LANES };
  const ck_pointwise j = *job;
  vec scale[VECTORS], shift[VECTORS];
#pragma clang loop unroll(full)
  for (int i = 0; i < VECTORS; i++) {
    scale[i] = j.scale ? load(j.scale + i * CK_LANES) : splat(1.0f);
    shift[i] = j.shift ? load(j.shift + i * CK_LANES) : splat(0.0f);
  }
  for (ptrdiff_t row = 0; row < j.rows; row++)
#pragma clang loop unroll(full)
    for (int i = 0; i < VECTORS; i++) {
      // Statements of their own are not contracted: these are the bits of `pointwise`.
      vec v = load(j.x + row * PANEL + i * CK_LANES);
      v *= scale[i];
      v += shift[i];
      if (j.residual) v += load(j.residual + row * j.residual_stride + i * CK_LANES);
      store(j.y + row * j.y_stride + i * CK_LANES, activate(v, activation));
    }
}

// How a tile's products are added, see the tiles themselves; a compile-time constant everywhere.
typedef void tile_function(float *acc, const float *a, const float *b, ptrdiff_t stride, const float *w,
                           ptrdiff_t count, int is_first, const tile_ahead *ahead);

CK_INLINE void conv_tile(tile_function *multiply, const ck_conv *j, const conv_source *source, const float *panel,
                         ptrdiff_t first_output, const pixel_group *groups, int group_count) {
  float acc[2 * GROUP * PANEL] __attribute__((aligned(64)));
  const pixel_group *other = group_count > 1 ? groups + 1 : groups;
  // The second group's pixels follow the first's, unless they are another image's.
  const tile_ahead ahead = {
      .target = groups[0].y + first_output,
      .residual = groups[0].residual ? groups[0].residual + first_output : NULL,
      .stride = j->y_stride,
      .rows = groups[0].count + (group_count > 1 ? groups[1].count : 0)};
  for (ptrdiff_t s = 0; s < source->segments; s++) {
    const ptrdiff_t offset = s / source->runs_per_row * source->row + s % source->runs_per_row * source->run;
    multiply(acc, groups[0].x + offset, other->x + offset, source->pixel, panel, source->segment, s == 0,
             s == source->segments - 1 ? &ahead : &nothing_ahead);
    panel += source->segment * PANEL;
  }
  const ptrdiff_t width = minimum_of(PANEL, j->outputs - first_output);
  for (int g = 0; g < group_count; g++) {
    const pixel_group *group = groups + g;
    const ck_pointwise rest = {
        .y = group->y + first_output,
        .y_stride = j->y_stride,
        .x = acc + (g * GROUP + group->skip) * PANEL,
        .x_stride = PANEL,
        .residual = group->residual ? group->residual + first_output : NULL,
        .residual_stride = j->y_stride,
        .scale = j->scale ? j->scale + first_output : NULL,
        .shift = j->shift ? j->shift + first_output : NULL,
        .rows = group->count,
        .channels = width,
        .activation = j->activation};
    if (width == PANEL && j->activation == CK_RELU)
      finish_panel(&rest, CK_RELU);
    else if (width == PANEL && j->activation == CK_IDENTITY)
      finish_panel(&rest, CK_IDENTITY);
    else
      pointwise(&rest);
  }
}

CK_INLINE void conv_by(const ck_conv *job, tile_function *multiply) {
  const ck_conv *j = job;
  const ck_window *w = &j->window;
  const ptrdiff_t padded_width = (w->out_width - 1) * w->stride_x + (w->kernel_width - 1) * w->dilation_x + 1;
  const ptrdiff_t padded_height = (w->out_height - 1) * w->stride_y + (w->kernel_height - 1) * w->dilation_y + 1;
  const int in_place =
      w->pad_top == 0 && w->pad_left == 0 && padded_width <= w->width && padded_height <= w->height;
  const ptrdiff_t stride = in_place ? j->x_stride : j->channels;
  const ptrdiff_t row = (in_place ? w->width : padded_width) * stride;
  const int is_contiguous = stride == j->channels && w->dilation_x == 1;
  const conv_source source = {
      .pixel = w->stride_x * stride,
      .segments = is_contiguous ? w->kernel_height : w->kernel_height * w->kernel_width,
      .segment = is_contiguous ? w->kernel_width * j->channels : j->channels,
      .runs_per_row = is_contiguous ? 1 : w->kernel_width,
      .row = w->dilation_y * row,
      .run = w->dilation_x * stride};
  const ptrdiff_t depth = w->kernel_height * w->kernel_width * j->channels;
  // The rows of a pointwise convolution are one long row.
  const int is_flat = in_place && w->kernel_height * w->kernel_width * w->stride_x * w->stride_y == 1;
  const ptrdiff_t line = is_flat ? w->out_width * (j->last_row - j->first_row) : w->out_width;
  const ptrdiff_t lines = is_flat ? 1 : j->last_row - j->first_row;

  // Where rows are padded, images take turns in the scratch; otherwise a panel of weights serves all of them.
  const ptrdiff_t images_per_pass = in_place ? j->last_image - j->first_image : 1;
  for (ptrdiff_t first = j->first_image; first < j->last_image; first += images_per_pass) {
    if (!in_place)
      ck_pad(j->scratch, j->x + first * j->x_image, j->x_stride, j->channels, w, j->first_row, j->last_row);
    for (ptrdiff_t p = j->first_panel; p < j->last_panel; p++) {
      pixel_group groups[2];
      int count = 0;
      for (ptrdiff_t image = first; image < first + images_per_pass; image++)
        for (ptrdiff_t l = 0; l < lines; l++) {
          const float *x = in_place ? j->x + image * j->x_image + (j->first_row + l) * w->stride_y * row
                                    : j->scratch + l * w->stride_y * row;
          const ptrdiff_t y = image * j->y_image + (j->first_row + l) * w->out_width * j->y_stride;
          for (ptrdiff_t at = 0; at < line; at += GROUP) {
            const ptrdiff_t begin = at + GROUP > line && line >= GROUP ? line - GROUP : at;
            groups[count++] = (pixel_group){.x = x + begin * source.pixel,
                                            .y = j->y + y + at * j->y_stride,
                                            .residual = j->residual ? j->residual + y + at * j->y_stride : NULL,
                                            .skip = at - begin,
                                            .count = minimum_of(GROUP, line - at)};
            if (count == 2) {
              conv_tile(multiply, j, &source, j->weight + p * depth * PANEL, p * PANEL, groups, 2);
              count = 0;
            }
          }
        }
      if (count) conv_tile(multiply, j, &source, j->weight + p * depth * PANEL, p * PANEL, groups, 1);
    }
  }
}
