/// How activations are stored in a scratch file; all arithmetic is float32.
public enum ScratchElement: String, Sendable, CaseIterable {
  case f32, f16

  var byteCount: Int { self == .f32 ? 4 : 2 }
}
