/// Statistics of a tensor, as `ckpt-info stats` prints them. Moments are of the finite elements, accumulated
/// in float64.
public struct TensorStatistics: Sendable, Equatable {
  /// Number of elements.
  public private(set) var count = 0
  /// Smallest finite element; infinite when there is none.
  public private(set) var minimum = Double.infinity
  /// Largest finite element; negative infinite when there is none.
  public private(set) var maximum = -Double.infinity
  /// Mean of the finite elements.
  public private(set) var mean = 0.0
  /// Elements equal to zero.
  public private(set) var zeroCount = 0
  /// Elements that are not a number.
  public private(set) var nanCount = 0
  /// Infinite elements.
  public private(set) var infinityCount = 0
  private var finiteCount = 0
  private var squaredDeviations = 0.0

  /// Standard deviation of the finite elements: the population's, divided by n.
  public var standardDeviation: Double {
    finiteCount == 0 ? 0 : (squaredDeviations / Double(finiteCount)).squareRoot()
  }

  /// Reads a tensor and computes its statistics.
  ///
  /// Chunks of a fixed size are summed in two passes and merged by the method of Chan, Golub and LeVeque (1979).
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  public init(of spec: TensorSpec, in source: any CheckpointSource) throws {
    try source.forEachChunk(of: spec) { add($0) }
  }

  private mutating func add(_ values: UnsafeMutableBufferPointer<Double>) {
    count += values.count
    var finite = 0
    var sum = 0.0
    for value in values {
      if value.isFinite {
        finite += 1
        sum += value
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        if value == 0 { zeroCount += 1 }
      } else if value.isNaN {
        nanCount += 1
      } else {
        infinityCount += 1
      }
    }
    guard finite > 0 else { return }
    let chunkMean = sum / Double(finite)
    var deviations = 0.0
    for value in values where value.isFinite { deviations += (value - chunkMean) * (value - chunkMean) }
    let total = Double(finiteCount + finite)
    let delta = chunkMean - mean
    squaredDeviations += deviations + delta * delta * Double(finiteCount) * Double(finite) / total
    mean += delta * Double(finite) / total
    finiteCount += finite
  }
}

extension CheckpointSource {
  /// Calls `body` with a tensor's elements as doubles, a chunk at a time, in row-major order.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  func forEachChunk(
    of spec: TensorSpec, _ body: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) throws {
    guard spec.dtype.isReal else { throw CheckpointError.notReal(spec.name, spec.dtype) }
    let width = spec.dtype.bitWidth / 8
    let capacity = min(spec.elementCount, 1 << 16)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * width, alignment: 64)
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: capacity)
    defer {
      bytes.deallocate()
      values.deallocate()
    }
    var done = 0
    while done < spec.elementCount {
      let count = min(capacity, spec.elementCount - done)
      let chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * width)])
      try read(spec.name, at: done * width, into: chunk)
      let widened = UnsafeMutableBufferPointer(rebasing: values[..<count])
      ElementConversion.widen(UnsafeRawBufferPointer(chunk), spec.dtype, into: widened)
      try body(widened)
      done += count
    }
  }
}

/// Reads every tensor of an open checkpoint, so that all checksums of its format are checked.
///
/// - Returns: One line per damaged tensor.
public func verify(_ source: any CheckpointSource) -> [String] {
  source.tensors.compactMap { spec in
    do {
      let found = try source.checksum(of: spec)
      guard let recorded = source.recordedChecksum(spec.name), recorded != found else { return nil }
      return "\(source.label): tensor \"\(spec.name)\": checksum does not match"
    } catch {
      return "\(error)"
    }
  }
}
