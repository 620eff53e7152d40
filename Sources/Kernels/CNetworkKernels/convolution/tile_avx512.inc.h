// The convolution tile for AVX-512: 14 pixels by 32 output channels in 28 of the 32 registers. It is written in
// assembly because clang moves accumulators to memory when it allocates the registers itself. CK_MULTIPLY is the
// instruction that multiplies 32-bit elements, floats or pairs of bfloat16, and adds to floats.

enum { GROUP = 7, PANEL = 32 };

// Multiplies the next input channel of one pixel, which stands at `address`, into accumulators `low` and `high`.
#define CK_PIXEL(address, low, high)              \
  "vbroadcastss " address ", %%zmm30\n"           \
  CK_MULTIPLY " %%zmm28, %%zmm30, %%zmm" low "\n" \
  CK_MULTIPLY " %%zmm29, %%zmm30, %%zmm" high "\n"

// One input channel of all pixels; its weights stand at `w`, and `d` is the channel's offset in bytes.
#define CK_CHANNEL(w, d)                   \
  "vmovups " w "(%[w]), %%zmm28\n"         \
  "vmovups 64+" w "(%[w]), %%zmm29\n"      \
  CK_PIXEL(d "(%[a])", "0", "1")           \
  CK_PIXEL(d "(%[a],%[s])", "2", "3")      \
  CK_PIXEL(d "(%[a],%[s],2)", "4", "5")    \
  CK_PIXEL(d "(%[a],%[s3])", "6", "7")     \
  CK_PIXEL(d "(%[a],%[s],4)", "8", "9")    \
  CK_PIXEL(d "(%[a],%[s5])", "10", "11")   \
  CK_PIXEL(d "(%[a],%[s3],2)", "12", "13") \
  CK_PIXEL(d "(%[b])", "14", "15")         \
  CK_PIXEL(d "(%[b],%[s])", "16", "17")    \
  CK_PIXEL(d "(%[b],%[s],2)", "18", "19")  \
  CK_PIXEL(d "(%[b],%[s3])", "20", "21")   \
  CK_PIXEL(d "(%[b],%[s],4)", "22", "23")  \
  CK_PIXEL(d "(%[b],%[s5])", "24", "25")   \
  CK_PIXEL(d "(%[b],%[s3],2)", "26", "27")

#define CK_ZERO(n) "vpxorq %%zmm" n ", %%zmm" n ", %%zmm" n "\n"
#define CK_LOAD(n) "vmovups 64*" n "(%[acc]), %%zmm" n "\n"
#define CK_SAVE(n) "vmovups %%zmm" n ", 64*" n "(%[acc])\n"
#define CK_ACCUMULATORS(F)                                                                                      \
  F("0") F("1") F("2") F("3") F("4") F("5") F("6") F("7") F("8") F("9") F("10") F("11") F("12") F("13") F("14") \
  F("15") F("16") F("17") F("18") F("19") F("20") F("21") F("22") F("23") F("24") F("25") F("26") F("27")

#define CK_QUAD CK_CHANNEL("0", "0") CK_CHANNEL("128", "4") CK_CHANNEL("256", "8") CK_CHANNEL("384", "12")
#define CK_NEXT_QUAD  \
  "addq $16, %[a]\n"  \
  "addq $16, %[b]\n"  \
  "addq $512, %[w]\n" \
  "decq %[quads]\n"

// Adds to `acc` [2 * GROUP][PANEL] the products of `count` input channels: those of GROUP pixels from `a` on, `stride`
// floats apart, and of GROUP pixels from `b` on, with weights [count][PANEL]. `is_first` begins with zeros.
// The last multiplications alternate with prefetching one row of `ahead` after the other.
static void tile(float *acc, const float *a, const float *b, ptrdiff_t stride, const float *w, ptrdiff_t count,
                 int is_first, const tile_ahead *ahead) {
  const ptrdiff_t s = stride * 4;
  const ptrdiff_t last_quads = minimum_of(ahead->rows, count / 4);
  ptrdiff_t quads = count / 4 - last_quads, rest = count % 4;
  const char *target = (const char *)ahead->target;
  const ptrdiff_t residual = ahead->residual ? (const char *)ahead->residual - target : 0;
  __asm__ volatile(
      "cmpl $0, %[first]\n"
      "je 1f\n" CK_ACCUMULATORS(CK_ZERO)
      "jmp 2f\n"
      "1:\n" CK_ACCUMULATORS(CK_LOAD)
      "2:\n"
      "testq %[quads], %[quads]\n"
      "jz 4f\n"
      ".p2align 5\n"
      "3:\n" CK_QUAD CK_NEXT_QUAD
      "jnz 3b\n"
      "4:\n"
      "movq %[last], %[quads]\n"
      "testq %[quads], %[quads]\n"
      "jz 6f\n"
      ".p2align 5\n"
      "5:\n"
      "prefetchw (%[target])\n" CK_CHANNEL("0", "0")
      "prefetchw 64(%[target])\n" CK_CHANNEL("128", "4")
      "prefetcht0 (%[target],%[residual])\n" CK_CHANNEL("256", "8")
      "prefetcht0 64(%[target],%[residual])\n" CK_CHANNEL("384", "12")
      "addq %[step], %[target]\n" CK_NEXT_QUAD
      "jnz 5b\n"
      "6:\n"
      "testq %[rest], %[rest]\n"
      "jz 8f\n"
      "7:\n"
      CK_CHANNEL("0", "0")
      "addq $4, %[a]\n"
      "addq $4, %[b]\n"
      "addq $128, %[w]\n"
      "decq %[rest]\n"
      "jnz 7b\n"
      "8:\n" CK_ACCUMULATORS(CK_SAVE)
      : [a] "+r"(a), [b] "+r"(b), [w] "+r"(w), [quads] "+r"(quads), [rest] "+r"(rest), [target] "+r"(target)
      : [acc] "r"(acc), [s] "r"(s), [s3] "r"(3 * s), [s5] "r"(5 * s), [residual] "r"(residual),
        [step] "r"(ahead->stride * 4), [last] "m"(last_quads), [first] "m"(is_first)
      : "memory", "cc", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10",
        "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20", "zmm21", "zmm22",
        "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28", "zmm29", "zmm30");
}
