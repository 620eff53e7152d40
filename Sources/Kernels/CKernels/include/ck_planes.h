#pragma once
#include <stddef.h>

// Between little-endian words of `width` bytes (1, 2, 4, 8; any alignment) and `width` planes of n bytes each, the
// first plane with the lowest bytes. Plane k starts at planes + k * n.
typedef enum {
  CK_PLAIN,   // words as they are
  CK_ROTATE,  // rotated left by one bit: the sign leaves the top byte to the exponent
  // Order-preserving integers of the floats, minus those of `base`, zigzag coded. Integers are subtracted as they are.
  CK_DELTA_FLOAT,
  CK_DELTA_INTEGER
} ck_transform;

void ck_split_planes(ck_transform transform, int width, const void *words, const void *base, ptrdiff_t n,
                     unsigned char *planes);
void ck_merge_planes(ck_transform transform, int width, const unsigned char *planes, const void *base, ptrdiff_t n,
                     void *words);
