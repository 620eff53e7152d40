#include "ck_deflate.h"

#include <string.h>

// Literal and length codes of at most 12 bits: four fit into the bit buffer between two stores.
enum { MAX_BITS = 12, SYMBOLS = 286, END = 256 };

int ck_is_noise(const uint8_t *bytes, ptrdiff_t n) {
  enum { SAMPLE = 4096 };
  if (n < SAMPLE) return 0;
  uint16_t counts[256] = {0};
  ptrdiff_t step = n / SAMPLE;
  for (ptrdiff_t i = 0; i < SAMPLE; i++) counts[bytes[i * step]]++;
  uint64_t pairs = 0;
  for (int i = 0; i < 256; i++) pairs += (uint64_t)counts[i] * counts[i];
  // The probability that two samples agree: 1/256 for noise, and below 0.0062 the code would save less than 3 %.
  return pairs < (uint64_t)(0.0062 * SAMPLE * SAMPLE);
}

typedef struct {
  uint32_t count;
  uint16_t symbol;
} weighted;

static void sort_by_count(weighted *items, int n) {
  // Radix sort over two 12-bit digits: counts stay below 2^24.
  static _Thread_local weighted scratch[SYMBOLS];
  for (int shift = 0; shift < 24; shift += 12) {
    int starts[4097] = {0};
    for (int i = 0; i < n; i++) starts[(items[i].count >> shift & 4095) + 1]++;
    for (int i = 0; i < 4096; i++) starts[i + 1] += starts[i];
    for (int i = 0; i < n; i++) scratch[starts[items[i].count >> shift & 4095]++] = items[i];
    memcpy(items, scratch, (size_t)n * sizeof *items);
  }
}

// Lengths of a prefix code of at most `limit` bits. Huffman's algorithm with two queues; lengths beyond the limit are
// cut and the Kraft sum repaired by lengthening the longest codes that are still shorter.
static void code_lengths(const uint32_t *counts, int symbols, int limit, uint8_t *lengths) {
  weighted leaves[SYMBOLS];
  int n = 0;
  memset(lengths, 0, (size_t)symbols);
  for (int i = 0; i < symbols; i++)
    if (counts[i]) leaves[n++] = (weighted){counts[i], (uint16_t)i};
  if (n == 0) return;
  if (n == 1) {
    lengths[leaves[0].symbol] = 1;
    return;
  }
  sort_by_count(leaves, n);
  uint64_t weight[2 * SYMBOLS];
  int parent[2 * SYMBOLS];
  for (int i = 0; i < n; i++) weight[i] = leaves[i].count;
  int leaf = 0, inner = n;
  for (int next = n; next < 2 * n - 1; next++) {
    uint64_t sum = 0;
    for (int child = 0; child < 2; child++) {
      int taken = leaf < n && (inner >= next || weight[leaf] <= weight[inner]) ? leaf++ : inner++;
      sum += weight[taken];
      parent[taken] = next;
    }
    weight[next] = sum;
  }
  int depth[2 * SYMBOLS], per_length[SYMBOLS + 1] = {0};
  depth[2 * n - 2] = 0;
  for (int i = 2 * n - 3; i >= 0; i--) depth[i] = depth[parent[i]] + 1;
  for (int i = 0; i < n; i++) per_length[depth[i] < limit ? depth[i] : limit]++;
  uint32_t kraft = 0;
  for (int bits = 1; bits <= limit; bits++) kraft += (uint32_t)per_length[bits] << (limit - bits);
  while (kraft > 1u << limit) {
    per_length[limit]--;
    for (int bits = limit - 1; bits > 0; bits--) {
      if (!per_length[bits]) continue;
      per_length[bits]--;
      per_length[bits + 1] += 2;
      break;
    }
    kraft--;
  }
  int at = n;
  for (int bits = 1; bits <= limit; bits++)
    for (int i = 0; i < per_length[bits]; i++) lengths[leaves[--at].symbol] = (uint8_t)bits;
}

// Canonical codes, bits reversed because deflate sends them from the most significant one.
static void assign_codes(const uint8_t *lengths, int symbols, uint16_t *codes) {
  uint32_t next[17] = {0}, per_length[17] = {0};
  for (int i = 0; i < symbols; i++) per_length[lengths[i]]++;
  per_length[0] = 0;
  for (int bits = 1; bits < 16; bits++) next[bits + 1] = (next[bits] + per_length[bits]) << 1;
  for (int i = 0; i < symbols; i++) {
    uint32_t code = next[lengths[i]]++, reversed = 0;
    for (int bit = 0; bit < lengths[i]; bit++) reversed |= (code >> bit & 1) << (lengths[i] - 1 - bit);
    codes[i] = (uint16_t)reversed;
  }
}

typedef struct {
  uint8_t *out;
  uint64_t bits;
  int count;
} bit_writer;

static inline void put(bit_writer *w, uint32_t value, int count) {
  w->bits |= (uint64_t)value << w->count;
  w->count += count;
}

static inline void flush(bit_writer *w) {
  memcpy(w->out, &w->bits, 8);
  w->out += w->count >> 3;
  w->bits >>= w->count & ~7;
  w->count &= 7;
}

// The lengths of both codes, run-length coded and Huffman coded themselves (RFC 1951, 3.2.7).
static void put_tables(bit_writer *w, const uint8_t *lengths, int literals, int distance_length) {
  uint8_t all[SYMBOLS + 1];
  memcpy(all, lengths, (size_t)literals);
  all[literals] = (uint8_t)distance_length;
  int total = literals + 1, steps = 0;
  struct {
    uint8_t symbol, extra;
  } step[SYMBOLS + 1];
  uint32_t counts[19] = {0};
  for (int i = 0; i < total;) {
    int run = 1;
    while (i + run < total && all[i + run] == all[i]) run++;
    if (all[i] == 0 && run >= 3) {
      if (run > 138) run = 138;
      step[steps].symbol = run <= 10 ? 17 : 18;
      step[steps].extra = (uint8_t)(run - (run <= 10 ? 3 : 11));
    } else if (i > 0 && all[i] == all[i - 1] && run >= 3) {
      if (run > 6) run = 6;
      step[steps].symbol = 16;
      step[steps].extra = (uint8_t)(run - 3);
    } else {
      run = 1;
      step[steps].symbol = all[i];
    }
    counts[step[steps++].symbol]++;
    i += run;
  }
  uint8_t code_length[19];
  uint16_t code[19];
  code_lengths(counts, 19, 7, code_length);
  assign_codes(code_length, 19, code);
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  int sent = 19;
  while (sent > 4 && !code_length[order[sent - 1]]) sent--;
  put(w, (uint32_t)(literals - 257), 5);
  put(w, 0, 5);
  put(w, (uint32_t)(sent - 4), 4);
  flush(w);
  for (int i = 0; i < sent; i++) {
    put(w, code_length[order[i]], 3);
    flush(w);
  }
  for (int i = 0; i < steps; i++) {
    int symbol = step[i].symbol;
    put(w, code[symbol], code_length[symbol]);
    if (symbol >= 16) put(w, step[i].extra, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
    flush(w);
  }
}

static void count_bytes(const uint8_t *bytes, ptrdiff_t n, uint32_t *counts) {
  // Several tables, so that equal neighbours do not wait for each other's store.
  uint32_t table[4][256] = {{0}};
  ptrdiff_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t eight;
    memcpy(&eight, bytes + i, 8);
    for (int k = 0; k < 8; k++) table[k & 3][eight >> (8 * k) & 255]++;
  }
  for (; i < n; i++) table[0][bytes[i]]++;
  for (int k = 0; k < 256; k++) counts[k] = table[0][k] + table[1][k] + table[2][k] + table[3][k];
}

static uint64_t cost(const uint32_t *counts, const uint8_t *lengths, int symbols) {
  uint64_t bits = 0;
  for (int i = 0; i < symbols; i++) bits += (uint64_t)counts[i] * lengths[i];
  return bits;
}

// Length codes and their extra bits by length (RFC 1951, 3.2.5).
static void length_code(int length, int *symbol, int *extra_bits, int *extra) {
  if (length == 258) {
    *symbol = 285, *extra_bits = 0, *extra = 0;
    return;
  }
  int value = length - 3, bits = 0;
  while (value >> bits >= 8) bits++;
  *symbol = 257 + 4 * bits + (value >> bits);
  *extra_bits = bits;
  *extra = value & ((1 << bits) - 1);
}

// Length of the run of bytes[at - 1] from `at` on, at most 258.
static inline int run_length(const uint8_t *bytes, ptrdiff_t at, ptrdiff_t n) {
  ptrdiff_t limit = n - at < 258 ? n - at : 258;
  uint64_t pattern = bytes[at - 1] * 0x0101010101010101u;
  ptrdiff_t run = 0;
  while (run + 8 <= limit) {
    uint64_t eight;
    memcpy(&eight, bytes + at + run, 8);
    if (eight != pattern) return (int)(run + (__builtin_ctzll(eight ^ pattern) >> 3));
    run += 8;
  }
  while (run < limit && bytes[at + run] == bytes[at - 1]) run++;
  return (int)run;
}

enum { SHORTEST_RUN = 4 };

// Counts the symbols of the coding with runs; returns the number of extra bits.
static uint64_t count_runs(const uint8_t *bytes, ptrdiff_t n, uint32_t *counts) {
  uint64_t extra_total = 0;
  memset(counts, 0, SYMBOLS * sizeof *counts);
  counts[bytes[0]]++;
  for (ptrdiff_t i = 1; i < n;) {
    int run = bytes[i] == bytes[i - 1] ? run_length(bytes, i, n) : 0;
    if (run < SHORTEST_RUN) {
      counts[bytes[i++]]++;
      continue;
    }
    int symbol, bits, extra;
    length_code(run, &symbol, &bits, &extra);
    counts[symbol]++;
    extra_total += (uint64_t)bits + 1;
    i += run;
  }
  return extra_total;
}

static void put_runs(bit_writer *w, const uint8_t *bytes, ptrdiff_t n, const uint8_t *lengths, const uint16_t *codes) {
  put(w, codes[bytes[0]], lengths[bytes[0]]);
  flush(w);
  for (ptrdiff_t i = 1; i < n;) {
    int run = bytes[i] == bytes[i - 1] ? run_length(bytes, i, n) : 0;
    if (run < SHORTEST_RUN) {
      put(w, codes[bytes[i]], lengths[bytes[i]]);
      i++;
    } else {
      int symbol, bits, extra;
      length_code(run, &symbol, &bits, &extra);
      put(w, codes[symbol], lengths[symbol]);
      put(w, (uint32_t)extra, bits);
      // The only distance there is, 1: a code of one bit.
      put(w, 0, 1);
      i += run;
    }
    flush(w);
  }
}

static void put_literals(bit_writer *writer, const uint8_t *bytes, ptrdiff_t n, const uint8_t *lengths,
                         const uint16_t *codes) {
  uint32_t table[256];
  for (int i = 0; i < 256; i++) table[i] = (uint32_t)codes[i] << 8 | lengths[i];
  bit_writer w = *writer;
  ptrdiff_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int k = 0; k < 4; k++) put(&w, table[bytes[i + k]] >> 8, (int)(table[bytes[i + k]] & 255));
    flush(&w);
  }
  for (; i < n; i++) {
    put(&w, table[bytes[i]] >> 8, (int)(table[bytes[i]] & 255));
    flush(&w);
  }
  *writer = w;
}

ptrdiff_t ck_deflate(const uint8_t *bytes, ptrdiff_t n, uint8_t *out) {
  uint32_t counts[SYMBOLS] = {0};
  uint8_t lengths[SYMBOLS];
  uint16_t codes[SYMBOLS];
  count_bytes(bytes, n, counts);
  counts[END] = 1;
  code_lengths(counts, 257, MAX_BITS, lengths);
  uint64_t literal_bits = cost(counts, lengths, 257);

  // Runs can only help where equal neighbours are frequent.
  ptrdiff_t repeats = 0;
  for (ptrdiff_t i = 4; i < n; i++) repeats += (bytes[i] == bytes[i - 1]) & (bytes[i] == bytes[i - 4]);
  int with_runs = 0;
  if (repeats > n / 16) {
    uint32_t run_counts[SYMBOLS];
    uint8_t run_lengths[SYMBOLS];
    uint64_t bits = count_runs(bytes, n, run_counts);
    run_counts[END] = 1;
    code_lengths(run_counts, SYMBOLS, MAX_BITS, run_lengths);
    bits += cost(run_counts, run_lengths, SYMBOLS);
    if (bits < literal_bits) {
      with_runs = 1;
      memcpy(lengths, run_lengths, sizeof lengths);
    }
  }
  int symbols = 257;
  if (with_runs) {
    symbols = SYMBOLS;
    while (!lengths[symbols - 1]) symbols--;
  }
  assign_codes(lengths, symbols, codes);

  bit_writer w = {out, 0, 0};
  put(&w, 1 | 2 << 1, 3);  // the last block; dynamic codes
  put_tables(&w, lengths, symbols, with_runs);
  if (with_runs) put_runs(&w, bytes, n, lengths, codes);
  else put_literals(&w, bytes, n, lengths, codes);
  put(&w, codes[END], lengths[END]);
  flush(&w);
  return w.out - out + (w.count > 0);
}
