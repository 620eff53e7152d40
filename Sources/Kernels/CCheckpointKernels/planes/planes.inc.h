// Byte planes for one instruction set: plain loops that compilers vectorise. Included once for each of them, with
//   CK_ISA, CK_TARGET  its number, and its name for the compiler, which CK_SCALAR has none of
//   CK_TABLE           the name of the table

#include <stdint.h>
#include <string.h>

#include "ck_planes.h"

#ifdef CK_TARGET
#pragma clang attribute push(__attribute__((target(CK_TARGET))), apply_to = function)
#endif

#define CK_WORDS(BITS)                                                                                               \
  typedef uint##BITS##_t word##BITS;                                                                                 \
                                                                                                                     \
  static inline word##BITS load##BITS(const void *from, ptrdiff_t i) {                                               \
    word##BITS word;                                                                                                 \
    memcpy(&word, (const char *)from + i * (BITS / 8), BITS / 8);                                                    \
    return word;                                                                                                     \
  }                                                                                                                  \
                                                                                                                     \
  /* Negative floats descend as their bits ascend: flip all bits of those, the sign bit of the others. */            \
  static inline word##BITS ordered##BITS(word##BITS u) {                                                             \
    word##BITS top = (word##BITS)((word##BITS)1 << (BITS - 1));                                                      \
    return (word##BITS)(u & top ? ~u : u | top);                                                                     \
  }                                                                                                                  \
                                                                                                                     \
  static inline word##BITS unordered##BITS(word##BITS u) {                                                           \
    word##BITS top = (word##BITS)((word##BITS)1 << (BITS - 1));                                                      \
    return (word##BITS)(u & top ? u ^ top : ~u);                                                                     \
  }                                                                                                                  \
                                                                                                                     \
  static inline word##BITS forward##BITS(ck_transform t, const void *words, const void *base, ptrdiff_t i) {         \
    word##BITS u = load##BITS(words, i);                                                                             \
    if (t == CK_PLAIN) return u;                                                                                     \
    if (t == CK_ROTATE) return (word##BITS)(u << 1 | u >> (BITS - 1));                                               \
    word##BITS b = load##BITS(base, i);                                                                              \
    word##BITS d = (word##BITS)(t == CK_DELTA_FLOAT ? ordered##BITS(u) - ordered##BITS(b) : u - b);                  \
    return (word##BITS)(d << 1 ^ (word##BITS)(0 - (word##BITS)(d >> (BITS - 1))));                                   \
  }                                                                                                                  \
                                                                                                                     \
  static inline word##BITS backward##BITS(ck_transform t, word##BITS u, const void *base, ptrdiff_t i) {             \
    if (t == CK_PLAIN) return u;                                                                                     \
    if (t == CK_ROTATE) return (word##BITS)(u >> 1 | u << (BITS - 1));                                               \
    word##BITS d = (word##BITS)(u >> 1 ^ (word##BITS)(0 - (word##BITS)(u & 1)));                                     \
    word##BITS b = load##BITS(base, i);                                                                              \
    return (word##BITS)(t == CK_DELTA_FLOAT ? unordered##BITS((word##BITS)(d + ordered##BITS(b))) : d + b);          \
  }                                                                                                                  \
                                                                                                                     \
  static inline __attribute__((always_inline)) void split_as##BITS(                                                  \
      ck_transform t, const void *words, const void *base, ptrdiff_t n, unsigned char *restrict planes) {            \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                              \
      word##BITS u = forward##BITS(t, words, base, i);                                                               \
      for (int k = 0; k < BITS / 8; k++) planes[k * n + i] = (unsigned char)(u >> (8 * k));                          \
    }                                                                                                                \
  }                                                                                                                  \
                                                                                                                     \
  static inline __attribute__((always_inline)) void merge_as##BITS(                                                  \
      ck_transform t, const unsigned char *restrict planes, const void *base, ptrdiff_t n, void *restrict words) {   \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                              \
      word##BITS u = 0;                                                                                              \
      for (int k = 0; k < BITS / 8; k++) u = (word##BITS)(u | (word##BITS)planes[k * n + i] << (8 * k));             \
      u = backward##BITS(t, u, base, i);                                                                             \
      memcpy((char *)words + i * (BITS / 8), &u, BITS / 8);                                                          \
    }                                                                                                                \
  }                                                                                                                  \
                                                                                                                     \
  /* One loop per transform, so that each vectorizes without a choice inside. */                                     \
  static void split##BITS(ck_transform t, const void *words, const void *base, ptrdiff_t n,                          \
                          unsigned char *planes) {                                                                   \
    switch (t) {                                                                                                     \
      case CK_PLAIN: split_as##BITS(CK_PLAIN, words, base, n, planes); break;                                        \
      case CK_ROTATE: split_as##BITS(CK_ROTATE, words, base, n, planes); break;                                      \
      case CK_DELTA_FLOAT: split_as##BITS(CK_DELTA_FLOAT, words, base, n, planes); break;                            \
      case CK_DELTA_INTEGER: split_as##BITS(CK_DELTA_INTEGER, words, base, n, planes); break;                        \
    }                                                                                                                \
  }                                                                                                                  \
                                                                                                                     \
  static void merge##BITS(ck_transform t, const unsigned char *planes, const void *base, ptrdiff_t n,                \
                          void *words) {                                                                             \
    switch (t) {                                                                                                     \
      case CK_PLAIN: merge_as##BITS(CK_PLAIN, planes, base, n, words); break;                                        \
      case CK_ROTATE: merge_as##BITS(CK_ROTATE, planes, base, n, words); break;                                      \
      case CK_DELTA_FLOAT: merge_as##BITS(CK_DELTA_FLOAT, planes, base, n, words); break;                            \
      case CK_DELTA_INTEGER: merge_as##BITS(CK_DELTA_INTEGER, planes, base, n, words); break;                        \
    }                                                                                                                \
  }

CK_WORDS(16)
CK_WORDS(32)
CK_WORDS(64)
CK_WORDS(8)

static void split(ck_transform transform, int width, const void *words, const void *base, ptrdiff_t n,
                  unsigned char *planes) {
  switch (width) {
    case 1: split8(transform, words, base, n, planes); break;
    case 2: split16(transform, words, base, n, planes); break;
    case 4: split32(transform, words, base, n, planes); break;
    default: split64(transform, words, base, n, planes); break;
  }
}

static void merge(ck_transform transform, int width, const unsigned char *planes, const void *base, ptrdiff_t n,
                  void *words) {
  switch (width) {
    case 1: merge8(transform, planes, base, n, words); break;
    case 2: merge16(transform, planes, base, n, words); break;
    case 4: merge32(transform, planes, base, n, words); break;
    default: merge64(transform, planes, base, n, words); break;
  }
}

#ifdef CK_TARGET
#pragma clang attribute pop
#endif

const ck_planes_kernels CK_TABLE = {.isa = CK_ISA, .split = split, .merge = merge};
