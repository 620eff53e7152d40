/// How much of a checkpoint's data the checksums in its files cover.
public enum ChecksumCoverage: String, Sendable {
  /// No data: plain safetensors and PyTorch's legacy format have no checksums.
  case none
  /// Some tensors, or some files of a set.
  case some
  /// All data, so that damage is found.
  case all

  /// The coverage of parts together; of nothing, all.
  init(_ parts: some Sequence<Bool>) {
    let parts = Set(parts)
    self = !parts.contains(false) ? .all : parts.contains(true) ? .some : .none
  }
}
