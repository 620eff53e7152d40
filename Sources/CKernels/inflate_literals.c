#include "ck_deflate.h"

#include <string.h>

enum { TABLE_BITS = 12 };

typedef struct {
  const uint8_t *in, *end;
  uint64_t bits;
  int count;
} bit_reader;

// Tops the buffer up to at least 56 bits while input lasts; zeros follow the end and are accounted for by `count`.
static inline void refill(bit_reader *r) {
  if (r->end - r->in >= 8) {
    uint64_t eight;
    memcpy(&eight, r->in, 8);
    r->bits |= eight << r->count;
    r->in += (63 - r->count) >> 3;
    r->count |= 56;
    return;
  }
  while (r->count <= 56 && r->in < r->end) {
    r->bits |= (uint64_t)*r->in++ << r->count;
    r->count += 8;
  }
}

static inline uint32_t take(bit_reader *r, int count) {
  uint32_t value = (uint32_t)(r->bits & ((1u << count) - 1));
  r->bits >>= count;
  r->count -= count;
  return value;
}

// Fills a table from codes of at most `bits` bits to symbol << 4 | length. Only complete codes are taken.
static int fill_table(const uint8_t *lengths, int symbols, int bits, uint16_t *table) {
  uint32_t per_length[16] = {0}, next[17] = {0}, kraft = 0;
  for (int i = 0; i < symbols; i++) per_length[lengths[i]]++;
  per_length[0] = 0;
  for (int length = 1; length < 16; length++) {
    if (length > bits && per_length[length]) return 0;
    next[length + 1] = (next[length] + per_length[length]) << 1;
    if (length <= bits) kraft += per_length[length] << (bits - length);
  }
  if (kraft != 1u << bits) return 0;
  for (int i = 0; i < symbols; i++) {
    int length = lengths[i];
    if (!length) continue;
    uint32_t code = next[length]++, reversed = 0;
    for (int bit = 0; bit < length; bit++) reversed |= (code >> bit & 1) << (length - 1 - bit);
    for (uint32_t at = reversed; at < 1u << bits; at += 1u << length) table[at] = (uint16_t)(i << 4 | length);
  }
  return 1;
}

// Reads the header of a dynamic block without distance codes; 0 for any other.
static int read_lengths(bit_reader *r, uint8_t *lengths) {
  refill(r);
  if (take(r, 3) != (1 | 2 << 1)) return 0;
  int literals = (int)take(r, 5) + 257, distances = (int)take(r, 5) + 1, sent = (int)take(r, 4) + 4;
  if (literals != 257 || distances != 1) return 0;
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  uint8_t code_length[19] = {0};
  for (int i = 0; i < sent; i++) {
    refill(r);
    code_length[order[i]] = (uint8_t)take(r, 3);
  }
  uint16_t table[128];
  if (!fill_table(code_length, 19, 7, table)) return 0;
  for (int i = 0; i < 258;) {
    refill(r);
    if (r->count < 14) return 0;
    uint16_t entry = table[r->bits & 127];
    take(r, entry & 15);
    int symbol = entry >> 4, run = 1;
    uint8_t value = (uint8_t)symbol;
    if (symbol == 16) {
      if (i == 0) return 0;
      value = lengths[i - 1];
      run = 3 + (int)take(r, 2);
    } else if (symbol > 16) {
      value = 0;
      run = symbol == 17 ? 3 + (int)take(r, 3) : 11 + (int)take(r, 7);
    }
    if (run > 258 - i) return 0;
    memset(lengths + i, value, (size_t)run);
    i += run;
  }
  return lengths[257] == 0;
}

int ck_inflate_literals(const uint8_t *in, ptrdiff_t length, uint8_t *bytes, ptrdiff_t n) {
  uint8_t lengths[258];
  uint16_t single[1 << TABLE_BITS];
  bit_reader r = {in, in + length, 0, 0};
  if (length < 16 || !read_lengths(&r, lengths)) return 0;
  if (!fill_table(lengths, 257, TABLE_BITS, single)) return 0;

  // Two literals per step where both codes fit: first | second << 8 | bits of both << 16 | number << 24. The end of
  // the block has number 0 and ends the fast loop.
  uint32_t table[1 << TABLE_BITS];
  for (uint32_t at = 0; at < 1u << TABLE_BITS; at++) {
    uint32_t first = single[at], bits = first & 15;
    if (first >> 4 == 256) {
      table[at] = 0;
      continue;
    }
    table[at] = first >> 4 | bits << 16 | 1u << 24;
    uint32_t second = single[at >> bits], both = bits + (second & 15);
    if (both <= TABLE_BITS && second >> 4 != 256) table[at] = first >> 4 | (second >> 4) << 8 | both << 16 | 2u << 24;
  }

  uint8_t *out = bytes, *end = bytes + n;
  // Four steps use up to 48 bits and write up to 9 bytes.
  while (end - out >= 16 && r.end - r.in >= 8) {
    refill(&r);
    int ended = 0;
    for (int step = 0; step < 4; step++) {
      uint32_t entry = table[r.bits & ((1 << TABLE_BITS) - 1)];
      int bits = entry >> 16 & 255;
      uint16_t pair = (uint16_t)entry;
      memcpy(out, &pair, 2);
      out += entry >> 24;
      r.bits >>= bits;
      r.count -= bits;
      ended |= entry == 0;
    }
    if (ended) break;
  }
  while (out < end) {
    refill(&r);
    uint16_t entry = single[r.bits & ((1 << TABLE_BITS) - 1)];
    int bits = entry & 15;
    if (entry >> 4 == 256 || bits > r.count) return 0;
    *out++ = (uint8_t)(entry >> 4);
    r.bits >>= bits;
    r.count -= bits;
  }
  refill(&r);
  uint16_t entry = single[r.bits & ((1 << TABLE_BITS) - 1)];
  int bits = entry & 15;
  if (entry >> 4 != 256 || bits > r.count) return 0;
  // Exactly the last byte may hold bits that are left over.
  int left = r.count - bits + 8 * (int)(r.end - r.in);
  return r.end - r.in == 0 ? left < 8 : 0;
}
