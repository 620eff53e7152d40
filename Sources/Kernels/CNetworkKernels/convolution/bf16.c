#include "ck_bf16_convolution.h"

#include <stdint.h>
#include <string.h>

extern const ck_bf16_kernels ck_bf16_kernels_avx512, ck_bf16_kernels_amx;

static ck_kernel_family family = {
    [CK_SCALAR] = NULL,  // without instructions for them, float32 is as fast and more exact
#if defined(__x86_64__)
    [CK_AVX512_BF16] = &ck_bf16_kernels_avx512,
    [CK_AMX_BF16] = &ck_bf16_kernels_amx,
#endif
};

const ck_bf16_kernels *ck_bf16_kernels_for(ck_isa isa) { return ck_kernels_for(family, isa); }
const ck_bf16_kernels *ck_bf16_kernels_best(void) { return ck_kernels_best(family); }

ptrdiff_t ck_conv_bf16_pairs(ptrdiff_t channels) {
  return (channels + CK_BF16_CHANNELS - 1) / CK_BF16_CHANNELS * (CK_BF16_CHANNELS / 2);
}

ptrdiff_t ck_conv_bf16_scratch(const ck_window *window, ptrdiff_t channels, ptrdiff_t rows) {
  return ck_conv_scratch(window, ck_conv_bf16_pairs(channels), rows);
}

ptrdiff_t ck_conv_bf16_panel(ptrdiff_t taps, ptrdiff_t channels) {
  return taps * ck_conv_bf16_pairs(channels) * CK_BF16_PANEL;
}

static uint16_t rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void ck_conv_bf16_pack(float *panels, const float *matrix, ptrdiff_t taps, ptrdiff_t channels, ptrdiff_t outputs) {
  const ptrdiff_t padded = 2 * ck_conv_bf16_pairs(channels);
  uint16_t *to = (uint16_t *)panels;
  for (ptrdiff_t first = 0; first < outputs; first += CK_BF16_PANEL)
    for (ptrdiff_t tap = 0; tap < taps; tap++)
      for (ptrdiff_t channel = 0; channel < padded; channel += 2)
        for (ptrdiff_t o = first; o < first + CK_BF16_PANEL; o++)
          for (ptrdiff_t c = channel; c < channel + 2; c++)
            *to++ = o < outputs && c < channels ? rounded(matrix[(tap * channels + c) * outputs + o]) : 0;
}
