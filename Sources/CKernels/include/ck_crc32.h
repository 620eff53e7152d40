#pragma once
#include <stddef.h>
#include <stdint.h>

// Instruction sets the checksum is compiled for; all give the same result.
typedef enum { CK_CRC32_PLAIN, CK_CRC32_PCLMUL, CK_CRC32_VPCLMUL } ck_crc32_variant;

// The best variant this processor runs, and whether it runs a given one.
ck_crc32_variant ck_crc32_best(void);
int ck_crc32_supported(ck_crc32_variant variant);

// CRC-32 (ISO 3309, that of gzip and PNG) of `crc`'s data followed by these; the CRC of nothing is 0.
uint32_t ck_crc32(ck_crc32_variant variant, uint32_t crc, const void *data, size_t count);

// The operator that appends `count` bytes, for `ck_crc32_join`.
uint32_t ck_crc32_shift(uint64_t count);

// CRC-32 of two pieces of data in a row; `shift` is `ck_crc32_shift` of the second one's length.
uint32_t ck_crc32_join(uint32_t first, uint32_t second, uint32_t shift);
