#pragma once
#include <stddef.h>

#include "ck_processor.h"

typedef enum {
  CK_PLAIN,   // words as they are
  CK_ROTATE,  // rotated left by one bit: the sign leaves the top byte to the exponent
  // Order-preserving integers of the floats, minus those of `base`, zigzag coded. Integers are subtracted as they are.
  CK_DELTA_FLOAT,
  CK_DELTA_INTEGER
} ck_transform;

// Between little-endian words of `width` bytes (1, 2, 4, 8; any alignment) and `width` planes of n bytes each, the
// first plane with the lowest bytes. Plane k starts at planes + k * n.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_planes_kernels {
  ck_isa isa;
  void (*split)(ck_transform transform, int width, const void *words, const void *base, ptrdiff_t n,
                unsigned char *planes);
  void (*merge)(ck_transform transform, int width, const unsigned char *planes, const void *base, ptrdiff_t n,
                void *words);
} ck_planes_kernels;

// The kernels of `isa`, or NULL where this processor (or this build) has not got them; and the best there are.
const ck_planes_kernels *ck_planes_kernels_for(ck_isa isa);
const ck_planes_kernels *ck_planes_kernels_best(void);
