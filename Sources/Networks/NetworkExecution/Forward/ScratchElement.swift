/// Storage format of activations in a scratch file; all arithmetic is float32.
public enum ScratchElement: String, Sendable, CaseIterable {
  /// 32 bits: exact.
  case f32
  /// IEEE half precision, 16 bits: 11 significant bits, largest number 65504.
  case f16

  var byteCount: Int { self == .f32 ? 4 : 2 }
}
