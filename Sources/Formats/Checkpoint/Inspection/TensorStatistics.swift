import Platform

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
  /// Chunks of a fixed size are summed in two passes and merged in their order by the method of Chan, Golub and LeVeque
  /// (1979), so that the number of threads does not matter.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  public init(of spec: TensorSpec, in source: any CheckpointSource, pool: ThreadPool = .caller) throws {
    let room = UnsafeMutableBufferPointer<Double>.allocate(
      capacity: pool.threadCount * min(spec.elementCount, Chunks.capacity))
    defer { room.deallocate() }
    try source.forEachRun(of: spec) { chunks in
      var found = [Moments](repeating: Moments(), count: chunks.count)
      found.withUnsafeMutableBufferPointer { found in
        pool.forEach(chunks.count) { index, worker in
          found[index] = Moments(of: chunks.widened(index, into: room, at: worker))
        }
      }
      for chunk in found { merge(chunk) }
    }
  }

  private mutating func merge(_ chunk: Moments) {
    count += chunk.count
    nanCount += chunk.nanCount
    infinityCount += chunk.count - chunk.finiteCount - chunk.nanCount
    zeroCount += chunk.zeroCount
    guard chunk.finiteCount > 0 else { return }
    minimum = min(minimum, chunk.minimum)
    maximum = max(maximum, chunk.maximum)
    let total = Double(finiteCount + chunk.finiteCount)
    let delta = chunk.mean - mean
    squaredDeviations +=
      chunk.squaredDeviations + delta * delta * Double(finiteCount) * Double(chunk.finiteCount) / total
    mean += delta * Double(chunk.finiteCount) / total
    finiteCount += chunk.finiteCount
  }

  /// Contribution of a chunk.
  private struct Moments {
    var count = 0
    var finiteCount = 0
    var zeroCount = 0
    var nanCount = 0
    var minimum = Double.infinity
    var maximum = -Double.infinity
    var mean = 0.0
    var squaredDeviations = 0.0

    init() {}

    init(of values: UnsafeMutableBufferPointer<Double>) {
      count = values.count
      let whole = values.count / Eight.count * Eight.count
      // A compressed file may hold a thousand times its size, so that the usual case has to be fast.
      if !addFinite(UnsafeMutableBufferPointer(rebasing: values[..<whole])) {
        addAny(UnsafeMutableBufferPointer(rebasing: values[..<whole]))
      }
      addAny(UnsafeMutableBufferPointer(rebasing: values[whole...]))
      mean /= Double(max(finiteCount, 1))
      var deviations = Eight(repeating: 0)
      let center = Eight(repeating: mean)
      if finiteCount == count {
        for index in stride(from: 0, to: whole, by: Eight.count) {
          deviations.addSquares(of: Eight(values, at: index), from: center)
        }
      }
      squaredDeviations = deviations.sum
      for value in values[(finiteCount == count ? whole : 0)...] where value.isFinite {
        squaredDeviations += (value - mean) * (value - mean)
      }
    }

    /// Adds a multiple of eight values; false, without effect, if one of them is not finite. `mean` is their sum as yet.
    private mutating func addFinite(_ values: UnsafeMutableBufferPointer<Double>) -> Bool {
      var (low, high) = (Eight(repeating: .infinity), Eight(repeating: -.infinity))
      var (sum, probe) = (Eight(repeating: 0), Eight(repeating: 0))
      for index in stride(from: 0, to: values.count, by: Eight.count) {
        let value = Eight(values, at: index)
        sum.add(value)
        // Zero, and NaN for what is not finite.
        probe.addSquares(of: value, from: value)
        low.takeSmaller(value)
        high.takeLarger(value)
      }
      guard probe.sum == 0 else { return false }
      var zeros = 0
      for value in values { zeros &+= value == 0 ? 1 : 0 }
      finiteCount += values.count
      zeroCount += zeros
      mean += sum.sum
      minimum = min(minimum, low.minimum)
      maximum = max(maximum, high.maximum)
      return true
    }

    private mutating func addAny(_ values: UnsafeMutableBufferPointer<Double>) {
      for value in values {
        if value.isNaN { nanCount += 1 }
        guard value.isFinite else { continue }
        finiteCount += 1
        if value == 0 { zeroCount += 1 }
        mean += value
        minimum = min(minimum, value)
        maximum = max(maximum, value)
      }
    }
  }

  /// Eight numbers in pairs, which every processor computes at a time.
  private struct Eight {
    typealias Pair = SIMD2<Double>
    static let count = 8

    var (a, b, c, d): (Pair, Pair, Pair, Pair)

    init(repeating value: Double) {
      (a, b, c, d) = (
        Pair(repeating: value), Pair(repeating: value), Pair(repeating: value), Pair(repeating: value)
      )
    }

    @inline(__always) init(_ values: UnsafeMutableBufferPointer<Double>, at index: Int) {
      let start = UnsafeRawPointer(values.baseAddress! + index)
      a = start.loadUnaligned(as: Pair.self)
      b = start.loadUnaligned(fromByteOffset: 16, as: Pair.self)
      c = start.loadUnaligned(fromByteOffset: 32, as: Pair.self)
      d = start.loadUnaligned(fromByteOffset: 48, as: Pair.self)
    }

    @inline(__always) mutating func add(_ other: Eight) {
      a += other.a
      b += other.b
      c += other.c
      d += other.d
    }

    @inline(__always) mutating func addSquares(of other: Eight, from center: Eight) {
      a += (other.a - center.a) * (other.a - center.a)
      b += (other.b - center.b) * (other.b - center.b)
      c += (other.c - center.c) * (other.c - center.c)
      d += (other.d - center.d) * (other.d - center.d)
    }

    @inline(__always) mutating func takeSmaller(_ other: Eight) {
      a.replace(with: other.a, where: other.a .< a)
      b.replace(with: other.b, where: other.b .< b)
      c.replace(with: other.c, where: other.c .< c)
      d.replace(with: other.d, where: other.d .< d)
    }

    @inline(__always) mutating func takeLarger(_ other: Eight) {
      a.replace(with: other.a, where: other.a .> a)
      b.replace(with: other.b, where: other.b .> b)
      c.replace(with: other.c, where: other.c .> c)
      d.replace(with: other.d, where: other.d .> d)
    }

    var sum: Double { ((a + b) + (c + d)).sum() }
    var minimum: Double { min(min(a.min(), b.min()), min(c.min(), d.min())) }
    var maximum: Double { max(max(a.max(), b.max()), max(c.max(), d.max())) }
  }
}

/// Some consecutive chunks of a tensor, as they are stored.
struct Chunks {
  /// Elements of a chunk; the last of a tensor may have fewer.
  static let capacity = 1 << 16

  fileprivate let dtype: DType
  fileprivate let bytes: UnsafeRawBufferPointer

  private var width: Int { dtype.bitWidth / 8 }

  /// The number of chunks.
  var count: Int { (bytes.count + Self.capacity * width - 1) / (Self.capacity * width) }

  /// A chunk's elements as doubles, in the part of `room` that belongs to a worker.
  func widened(
    _ index: Int, into room: UnsafeMutableBufferPointer<Double>, at worker: Int = 0
  ) -> UnsafeMutableBufferPointer<Double> {
    let first = index * Self.capacity
    let count = min(Self.capacity, bytes.count / width - first)
    // A tensor of one chunk needs no more room than that.
    let place = self.count == 1 ? 0 : worker * Self.capacity
    let target = UnsafeMutableBufferPointer(rebasing: room[place..<place + count])
    ElementConversion.widen(UnsafeRawBufferPointer(rebasing: bytes[(first * width)...]), dtype, into: target)
    return target
  }
}

extension CheckpointSource {
  /// Chunks that are read at a time: sources that restore what they read do so on several threads.
  private static var chunksPerRun: Int { 16 }

  /// Calls `body` with a tensor's data, some chunks at a time, in row-major order.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  func forEachRun(of spec: TensorSpec, _ body: (Chunks) throws -> Void) throws {
    guard spec.dtype.isReal else { throw CheckpointError.notReal(spec.name, spec.dtype) }
    let width = spec.dtype.bitWidth / 8
    let capacity = min(spec.elementCount, Self.chunksPerRun * Chunks.capacity)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * width, alignment: 64)
    defer { bytes.deallocate() }
    var done = 0
    while done < spec.elementCount {
      let count = min(capacity, spec.elementCount - done)
      let run = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * width)])
      try read(spec.name, at: done * width, into: run)
      try body(Chunks(dtype: spec.dtype, bytes: UnsafeRawBufferPointer(run)))
      done += count
    }
  }

  /// Calls `body` with a tensor's elements as doubles, a chunk at a time, in row-major order.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  func forEachChunk(
    of spec: TensorSpec, _ body: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) throws {
    let room = UnsafeMutableBufferPointer<Double>.allocate(capacity: min(spec.elementCount, Chunks.capacity))
    defer { room.deallocate() }
    try forEachRun(of: spec) { chunks in
      for index in 0..<chunks.count { try body(chunks.widened(index, into: room)) }
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
