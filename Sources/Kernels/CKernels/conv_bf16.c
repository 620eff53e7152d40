#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ck_layers.h"

#if defined(__x86_64__)
extern const ck_bf16_kernels ck_bf16_kernels_avx512, ck_bf16_kernels_amx;
#endif

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

#if defined(__x86_64__)
// Linux gives a process the tile registers on request.
static int has_tile_registers(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return 0;
#endif
}
#endif

const ck_bf16_kernels *ck_bf16_kernels_for(ck_bf16_isa isa) {
#if defined(__x86_64__)
  if (!ck_layer_kernels_for(ck_avx512) || !__builtin_cpu_supports("avx512bf16")) return NULL;
  switch (isa) {
    case ck_bf16_avx512: return &ck_bf16_kernels_avx512;
    case ck_bf16_amx:
      return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && has_tile_registers()
                 ? &ck_bf16_kernels_amx
                 : NULL;
    default: return NULL;
  }
#else
  (void)isa;
  return NULL;
#endif
}

const ck_bf16_kernels *ck_best_bf16(void) {
  for (int isa = ck_bf16_isa_count - 1; isa >= 0; isa--)
    if (ck_bf16_kernels_for((ck_bf16_isa)isa)) return ck_bf16_kernels_for((ck_bf16_isa)isa);
  return NULL;
}
