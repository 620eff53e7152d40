/// Result of `ckpt-info diff` for two checkpoints.
public struct CheckpointComparison: Sendable {
  /// A tensor that both have.
  public struct Entry: Sendable {
    /// The tensor in the first checkpoint.
    public let first: TensorSpec
    /// The tensor in the second.
    public let second: TensorSpec
    /// The distance; nil when the shapes differ, or when elements are not real and only equality can be told.
    public let difference: TensorDifference?
    /// True if type, shape and all bytes are equal.
    public let isIdentical: Bool

    /// True if the tensors count as equal: the same shape, and no element further apart than `tolerance`.
    public func isWithin(_ tolerance: Double) -> Bool {
      isIdentical || (difference.map { $0.maxAbsolute <= tolerance } ?? false)
    }
  }

  /// Tensors that only the first has.
  public let missing: [TensorSpec]
  /// Tensors that only the second has.
  public let extra: [TensorSpec]
  /// Tensors of both, by name.
  public let common: [Entry]

  /// Compares two checkpoints tensor by tensor.
  ///
  /// - Throws: `CheckpointError` when reading fails.
  public init(_ first: any CheckpointSource, _ second: any CheckpointSource) throws {
    let names = first.tensors.sorted { $0.name < $1.name }
    missing = names.filter { second.spec($0.name) == nil }
    extra = second.tensors.filter { first.spec($0.name) == nil }.sorted { $0.name < $1.name }
    common = try names.compactMap { spec in
      try second.spec(spec.name).map { try Self.entry(spec, first, $0, second) }
    }
  }

  private static func entry(
    _ a: TensorSpec, _ first: any CheckpointSource, _ b: TensorSpec, _ second: any CheckpointSource
  ) throws -> Entry {
    let identical = try a == b && haveEqualBytes(a, first, second)
    var difference: TensorDifference?
    if a.shape == b.shape, a.dtype.isReal, b.dtype.isReal {
      difference = try TensorDifference(a, in: first, and: b, in: second)
    }
    return Entry(first: a, second: b, difference: difference, isIdentical: identical)
  }

  private static func haveEqualBytes(
    _ spec: TensorSpec, _ first: any CheckpointSource, _ second: any CheckpointSource
  ) throws -> Bool {
    var chunks = (
      [UInt8](repeating: 0, count: min(spec.byteCount, 1 << 20)),
      [UInt8](repeating: 0, count: min(spec.byteCount, 1 << 20))
    )
    for offset in stride(from: 0, to: spec.byteCount, by: 1 << 20) {
      let count = min(1 << 20, spec.byteCount - offset)
      try chunks.0.withUnsafeMutableBytes {
        try first.read(spec.name, at: offset, into: .init(rebasing: $0[..<count]))
      }
      try chunks.1.withUnsafeMutableBytes {
        try second.read(spec.name, at: offset, into: .init(rebasing: $0[..<count]))
      }
      if chunks.0[..<count] != chunks.1[..<count] { return false }
    }
    return true
  }

  /// True if the checkpoints count as equal.
  public func isWithin(_ tolerance: Double) -> Bool {
    missing.isEmpty && extra.isEmpty && common.allSatisfy { $0.isWithin(tolerance) }
  }
}
