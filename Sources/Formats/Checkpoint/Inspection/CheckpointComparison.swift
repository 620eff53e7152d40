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

/// Distance between two tensors of the same shape.
public struct TensorDifference: Sendable, Equatable {
  /// Largest absolute difference; infinite when a NaN or infinity stands on one side only.
  public private(set) var maxAbsolute = 0.0
  /// Largest difference relative to the larger magnitude of the two.
  public private(set) var maxRelative = 0.0
  /// Largest number of representable values between, for floats of one type; nil otherwise.
  public private(set) var maxUlp: UInt64?
  /// Cosine of the angle between the tensors as vectors; 1 when both are zero, NaN where elements are not finite.
  public private(set) var cosine = 1.0
  private var dot = 0.0
  private var squaredLengths = SIMD2<Double>()

  /// Reads and compares two tensors. Accumulates in float64.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  /// - Precondition: The shapes are equal.
  public init(
    _ spec: TensorSpec, in first: any CheckpointSource, and other: TensorSpec, in second: any CheckpointSource
  ) throws {
    precondition(spec.shape == other.shape, "shapes differ")
    let sameType = spec.dtype == other.dtype && spec.dtype.isFloatingPoint
    let ulp = sameType ? UlpDistance(spec.dtype) : nil
    maxUlp = sameType ? 0 : nil
    var pending = try Elements(of: other, in: second)
    try first.forEachChunk(of: spec) { values in
      let others = try pending.next(values.count)
      for (a, b) in zip(values, others) { add(a, b, ulp) }
    }
    cosine =
      squaredLengths == .zero ? 1 : dot / (squaredLengths.x.squareRoot() * squaredLengths.y.squareRoot())
    // Rounding must not make equal vectors look different, nor a cosine exceed one.
    if maxAbsolute == 0 { cosine = 1 } else if cosine.isFinite { cosine = max(-1, min(1, cosine)) }
  }

  private mutating func add(_ a: Double, _ b: Double, _ ulp: UlpDistance?) {
    dot += a * b
    squaredLengths += SIMD2(a * a, b * b)
    if a == b || (a.isNaN && b.isNaN) { return }
    guard a.isFinite, b.isFinite else {
      maxAbsolute = .infinity
      maxRelative = .infinity
      if ulp != nil { maxUlp = .max }
      return
    }
    let difference = abs(a - b)
    maxAbsolute = max(maxAbsolute, difference)
    maxRelative = max(maxRelative, difference / max(abs(a), abs(b)))
    if let ulp { maxUlp = max(maxUlp ?? 0, ulp.distance(a, b)) }
  }
}

/// The other tensor's elements in the same chunks.
private struct Elements {
  private let source: any CheckpointSource
  private let spec: TensorSpec
  private var done = 0

  init(of spec: TensorSpec, in source: any CheckpointSource) throws {
    guard spec.dtype.isReal else { throw CheckpointError.notReal(spec.name, spec.dtype) }
    self.spec = spec
    self.source = source
  }

  mutating func next(_ count: Int) throws -> [Double] {
    let width = spec.dtype.bitWidth / 8
    var bytes = [UInt8](repeating: 0, count: count * width)
    try bytes.withUnsafeMutableBytes { try source.read(spec.name, at: done * width, into: $0) }
    done += count
    return try TensorValue(dtype: spec.dtype, shape: [count], bytes: bytes).doubles()
  }
}

/// Distance in representable values of an element type.
private struct UlpDistance {
  private let dtype: DType
  private let mask: UInt64

  init(_ dtype: DType) {
    self.dtype = dtype
    mask = dtype.bitWidth == 64 ? .max : (1 << UInt64(dtype.bitWidth)) - 1
  }

  func distance(_ a: Double, _ b: Double) -> UInt64 {
    let (x, y) = (position(a), position(b))
    return x > y ? UInt64(bitPattern: x &- y) : UInt64(bitPattern: y &- x)
  }

  /// Rank of a value among all of the type; both zeros have rank zero.
  private func position(_ value: Double) -> Int64 {
    var bits: UInt64 = 0
    withUnsafeMutableBytes(of: &bits) { target in
      withUnsafePointer(to: abs(value)) {
        _ = ElementConversion.narrow(UnsafeBufferPointer(start: $0, count: 1), to: dtype, into: target)
      }
    }
    let magnitude = Int64(bitPattern: bits & mask)
    return value < 0 ? -magnitude : magnitude
  }
}
