#pragma once

#include "ck_resize.h"

// Common to `resize.c`, which decides what is to be computed, and the passes, which compute it.

enum {
  CK_RESIZE_PRECISION_BITS = 32 - 8 - 2,
  // Weights are split here for multipliers of 16 bits: weight = high * 2^15 + low, low not negative.
  CK_RESIZE_LOW_BITS = 15,
};

// Output position i is the sum of inputs first[i] ..< first[i] + count[i] weighted by weights[i * taps ...].
typedef struct {
  uint32_t length;
  uint32_t taps;
  uint32_t groups;  // taps / 4, rounded up
  uint32_t *first;
  uint32_t *count;
  int32_t *weights;
  int16_t *halves;  // per output, per group of four taps: four low halves, four high halves; zero past count[i]
} axis_plan;

// Rows `stride` bytes apart; nothing at or after `end` may be read.
typedef struct {
  const uint8_t *pixels;
  size_t stride;
  const uint8_t *end;
} input_rows;

typedef struct {
  uint8_t *pixels;
  size_t stride;
} output_rows;

struct ck_resize_kernels {
  ck_isa isa;
  // Whether the passes read `halves`.
  _Bool splits_weights;
  // Computes plan->length pixels of each of `rows` rows.
  void (*horizontal)(const axis_plan *plan, input_rows source, uint32_t rows, output_rows target);
  // Computes plan->length rows of `bytes` bytes.
  void (*vertical)(const axis_plan *plan, input_rows source, size_t bytes, output_rows target);
};

// The scalar computation of outputs from ..< to of one row, and of bytes from ..< to of one column sum, for the edges
// that other passes leave over.
void ck_resize_row(const axis_plan *plan, uint32_t from, uint32_t to, const uint8_t *source, uint8_t *target);
void ck_resize_column(
    const axis_plan *plan, uint32_t output, const uint8_t *source, size_t stride, size_t from, size_t to,
    uint8_t *target);
