#pragma once
#include <stdint.h>

#include "ck_average.h"

// Work on mapped files. Both return 0, or -1 when a page could not be read because the file has become shorter or the
// device failed; results are then void.

// As ck_average_accumulate.
int ck_mapped_accumulate(ck_average_variant variant, ck_element element, const void *const *x, const double *keep,
                         const double *add, ptrdiff_t inputs, ptrdiff_t count, int resume, double *sum);

// A checksum of `crc`'s data followed by these.
typedef uint32_t (*ck_checksum)(uint32_t crc, const void *data, size_t count);

// checksums[k] = checksum(0, x[k], bytes).
int ck_mapped_checksums(ck_checksum checksum, const void *const *x, ptrdiff_t inputs, size_t bytes,
                        uint32_t *checksums);
