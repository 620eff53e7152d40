#include "ck_crc32.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// x^32 + x^26 + … + 1, bits reflected.
#define POLYNOMIAL 0xEDB88320u

static uint32_t table[8][256];

// The loader runs this before any thread can ask for a checksum.
__attribute__((constructor)) static void fill_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
    table[0][i] = crc;
  }
  for (int k = 1; k < 8; k++)
    for (uint32_t i = 0; i < 256; i++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

// Eight bytes a step (Kounavis and Berry 2005). The register is not inverted here.
static uint32_t update_plain(uint32_t crc, const unsigned char *p, size_t count) {
  for (; count >= 8; p += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    word ^= crc;
    crc = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
          table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^
          table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
  }
  for (; count > 0; p++, count--) crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// Folding by carry-less multiplication: Gopal et al. 2009, "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction". A constant for a distance of d bits is x^(d ± 32) mod P, reflected. What is left in the
// end is 16 bytes that have the same checksum as all of the data.

#define PCLMUL __attribute__((target("pclmul,sse4.1")))
#define VPCLMUL __attribute__((target("pclmul,vpclmulqdq,avx512f,avx512vl,avx512dq"), min_vector_width(512)))

PCLMUL static inline __m128i fold_128(__m128i x, __m128i k, __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next);
}

PCLMUL static uint32_t update_pclmul(uint32_t crc, const unsigned char *p, size_t count) {
  if (count < 128) return update_plain(crc, p, count);
  const __m128i far = _mm_set_epi64x(0x1c6e41596LL, 0x154442bd4LL);
  const __m128i near = _mm_set_epi64x(0x0ccaa009eLL, 0x1751997d0LL);
  const __m128i *v = (const __m128i *)p;
  __m128i a = _mm_xor_si128(_mm_loadu_si128(v), _mm_cvtsi32_si128((int)crc));
  __m128i b = _mm_loadu_si128(v + 1), c = _mm_loadu_si128(v + 2), d = _mm_loadu_si128(v + 3);
  for (p += 64, count -= 64; count >= 64; p += 64, count -= 64) {
    v = (const __m128i *)p;
    a = fold_128(a, far, _mm_loadu_si128(v));
    b = fold_128(b, far, _mm_loadu_si128(v + 1));
    c = fold_128(c, far, _mm_loadu_si128(v + 2));
    d = fold_128(d, far, _mm_loadu_si128(v + 3));
  }
  a = fold_128(fold_128(fold_128(a, near, b), near, c), near, d);
  unsigned char rest[16];
  _mm_storeu_si128((__m128i *)rest, a);
  return update_plain(update_plain(0, rest, sizeof rest), p, count);
}

VPCLMUL static inline __m512i fold_512(__m512i x, __m512i k, __m512i next) {
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(x, k, 0x00), _mm512_clmulepi64_epi128(x, k, 0x11), next,
                                   0x96);
}

VPCLMUL static uint32_t update_vpclmul(uint32_t crc, const unsigned char *p, size_t count) {
  if (count < 512) return update_pclmul(crc, p, count);
  const __m512i far = _mm512_broadcast_i64x2(_mm_set_epi64x(0x1322d1430LL, 0x11542778aLL));
  const __m512i middle = _mm512_broadcast_i64x2(_mm_set_epi64x(0x1c6e41596LL, 0x154442bd4LL));
  const __m128i near = _mm_set_epi64x(0x0ccaa009eLL, 0x1751997d0LL);
  __m512i a = _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
  __m512i b = _mm512_loadu_si512(p + 64), c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);
  for (p += 256, count -= 256; count >= 256; p += 256, count -= 256) {
    a = fold_512(a, far, _mm512_loadu_si512(p));
    b = fold_512(b, far, _mm512_loadu_si512(p + 64));
    c = fold_512(c, far, _mm512_loadu_si512(p + 128));
    d = fold_512(d, far, _mm512_loadu_si512(p + 192));
  }
  a = fold_512(fold_512(fold_512(a, middle, b), middle, c), middle, d);
  __m128i x = _mm512_extracti64x2_epi64(a, 0);
  x = fold_128(x, near, _mm512_extracti64x2_epi64(a, 1));
  x = fold_128(x, near, _mm512_extracti64x2_epi64(a, 2));
  x = fold_128(x, near, _mm512_extracti64x2_epi64(a, 3));
  unsigned char rest[16];
  _mm_storeu_si128((__m128i *)rest, x);
  return update_plain(update_plain(0, rest, sizeof rest), p, count);
}
#endif

int ck_crc32_supported(ck_crc32_variant variant) {
  switch (variant) {
    case CK_CRC32_PLAIN: return 1;
#if defined(__x86_64__)
    case CK_CRC32_PCLMUL: return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    case CK_CRC32_VPCLMUL:
      return ck_crc32_supported(CK_CRC32_PCLMUL) && __builtin_cpu_supports("vpclmulqdq") &&
             __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
#endif
    default: return 0;
  }
}

ck_crc32_variant ck_crc32_best(void) {
  if (ck_crc32_supported(CK_CRC32_VPCLMUL)) return CK_CRC32_VPCLMUL;
  return ck_crc32_supported(CK_CRC32_PCLMUL) ? CK_CRC32_PCLMUL : CK_CRC32_PLAIN;
}

uint32_t ck_crc32(ck_crc32_variant variant, uint32_t crc, const void *data, size_t count) {
  switch (variant) {
#if defined(__x86_64__)
    case CK_CRC32_VPCLMUL: return ~update_vpclmul(~crc, data, count);
    case CK_CRC32_PCLMUL: return ~update_pclmul(~crc, data, count);
#endif
    default: return ~update_plain(~crc, data, count);
  }
}

// Product of two polynomials modulo P, bits reflected: the highest bit is x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; bit--) {
    product ^= b & -(a >> bit & 1);
    b = b >> 1 ^ (POLYNOMIAL & -(b & 1));
  }
  return product;
}

uint32_t ck_crc32_shift(uint64_t count) {
  uint32_t result = 0x80000000u;  // x^0
  uint32_t power = 0x00800000u;   // x^8: one byte
  for (; count > 0; count >>= 1) {
    if (count & 1) result = multiply(result, power);
    power = multiply(power, power);
  }
  return result;
}

uint32_t ck_crc32_join(uint32_t first, uint32_t second, uint32_t shift) { return multiply(shift, first) ^ second; }
