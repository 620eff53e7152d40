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
