#pragma once
#include <stddef.h>
#include <stdint.h>

// Deflate (RFC 1951) restricted to what pays for byte planes of weights: literals and runs, one dynamic block.

// Most bytes that ck_deflate writes for n bytes of input.
#define CK_DEFLATE_BOUND(n) ((n) * 2 + 1024)

// Estimates from a sample whether the bytes are noise that no entropy code shrinks worthwhile.
int ck_is_noise(const uint8_t *bytes, ptrdiff_t n);

// Compresses n bytes, 1 <= n <= 2^24, into `out`, which has CK_DEFLATE_BOUND(n) bytes. Returns the length.
ptrdiff_t ck_deflate(const uint8_t *bytes, ptrdiff_t n, uint8_t *out);

// Inflates a stream that is one dynamic block of literals with codes of at most 12 bits, the common output of
// ck_deflate. Returns 1 when exactly n bytes came out of exactly `length` bytes of input, 0 for any other stream,
// valid or not: a complete inflater has to decide then.
int ck_inflate_literals(const uint8_t *in, ptrdiff_t length, uint8_t *bytes, ptrdiff_t n);
