#pragma once

// Instruction sets that kernels are compiled for; every one includes those before it.
typedef enum ck_isa {
  CK_SCALAR,       // plain C, on every processor
  CK_AVX2,         // with FMA and F16C, as every processor since Haswell and Zen has them
  CK_AVX512,       // F, BW, DQ and VL, as every processor since Skylake-SP and Zen 4 has them
  CK_AVX512_BF16,
  CK_AMX_BF16,
  CK_ISA_COUNT
} ck_isa;

// The one probe of the processor: whether it, and the system that lends its registers, runs an instruction set.
_Bool ck_processor_has(ck_isa isa);

// For example `avx512` or `amx-bf16`.
const char *ck_isa_name(ck_isa isa);

// A family of kernels: for every instruction set a table of functions, or NULL where there is none of its own.
typedef const void *const ck_kernel_family[CK_ISA_COUNT];

// The table for `isa`; NULL where the family has none or the processor lacks it.
const void *ck_kernels_for(ck_kernel_family family, ck_isa isa);

// The table for the best instruction set there is; NULL where there is none.
const void *ck_kernels_best(ck_kernel_family family);
