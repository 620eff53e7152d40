/// Number type of the products of dense convolutions; sums, all other layers and all maps between layers are
/// float32.
public enum ComputePrecision: String, CaseIterable, Sendable {
  /// Float32 throughout.
  case float32 = "f32"
  /// Inputs and weights are rounded to bfloat16, 8 significant bits: logits are off by up to about 1e-2 of
  /// the largest. The first convolution, grouped ones and fully connected layers stay float32. Needs a
  /// processor with AMX or AVX-512 BF16.
  case bfloat16 = "bf16"
}
