import Checkpoint
import Platform
import Statistics

/// Samples models from the Gaussian that the `swag` method has fitted.
///
/// ```swift
/// let sampler = try GaussianSampler(openCheckpoint(.path("swag.safetensors")))
/// let writer = try CheckpointWriter(
///   to: .path("sample.safetensors"), tensors: sampler.tensors, metadata: Metadata())
/// try sampler.draw(0, .init(), to: writer, pool: pool)
/// try writer.finish()
/// ```
///
/// θ = mean + √scale·(√variance ⊙ z₁ + D·z₂ / √(K - 1)), z₁ one standard normal number for each parameter, z₂
/// one for each deviation, shared by all parameters (Maddox et al. 2019, arXiv 1902.02476, algorithm 1 and
/// equation 1; their ½ is the scale 0.5).
public struct GaussianSampler: Sendable {
  /// Definition of K.
  public enum Scaling: String, CaseIterable, Sendable {
    /// The actual number of deviations, as in the paper.
    case paper
    /// The requested number, even when there are fewer, as in the published code.
    case code
  }

  /// Options of sampling.
  public struct Options: Sendable {
    /// Factor of the variance.
    public var scale = 0.5
    /// Definition of K.
    public var scaling = Scaling.paper
    /// True to omit the deviations.
    public var isDiagonal = false
    /// Seed of all draws.
    public var seed: UInt64 = 0

    /// The defaults.
    public init() {}
  }

  private struct Gaussian: Sendable {
    let mean: TensorSpec
    let variance: TensorSpec
    let deviations: [TensorSpec]
  }

  /// The tensors of a sampled model.
  public let tensors: [TensorSpec]

  private let source: any CheckpointSource
  private let parameters: [TensorName: Gaussian]
  private let deviationCount: Int
  private let requestedRank: Int

  /// - Throws: `AveragingError.notAGaussian` when the checkpoint has no variances, `.mismatch` when one does
  ///   not fit.
  public init(_ source: any CheckpointSource) throws {
    self.source = source
    let byName = Dictionary(source.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var parameters: [TensorName: Gaussian] = [:]
    var companions: Set<TensorName> = []
    for mean in source.tensors.map(\.components) where mean.dtype.isFloatingPoint {
      func companion(_ suffix: String) throws -> TensorSpec? {
        guard let found = byName[TensorName(mean.name.string + suffix)] else { return nil }
        guard found.shape == mean.shape, found.dtype.isFloatingPoint else {
          throw AveragingError.mismatch(
            file: source.label, found.name, expected: "F32 \(mean.shape)", found: found.layout)
        }
        companions.insert(found.name)
        return found
      }
      guard let variance = try companion(SWAGNames.variance) else { continue }
      var deviations: [TensorSpec] = []
      while let next = try companion(SWAGNames.deviation(deviations.count)) { deviations.append(next) }
      parameters[mean.name] = Gaussian(mean: mean, variance: variance, deviations: deviations)
    }
    guard !parameters.isEmpty else {
      throw AveragingError.notAGaussian(file: source.label, reason: "no tensor has variances")
    }
    self.parameters = parameters
    tensors = source.tensors.filter { !companions.contains($0.name) }
    deviationCount = parameters.values.map(\.deviations.count).max()!
    guard let text = source.metadata[SWAGNames.rankKey] else {
      requestedRank = deviationCount
      return
    }
    guard let rank = Int(text), GaussianMoments.ranks.contains(rank), rank >= deviationCount else {
      throw AveragingError.notAGaussian(
        file: source.label, reason: "\(SWAGNames.rankKey) is \"\(TensorName(text).escaped)\"")
    }
    requestedRank = rank
  }

  /// Elements of other pieces are drawn from other sequences: this size is part of a seed's meaning and must
  /// not change.
  private static let pieceBytes = 1 << 16

  /// Writes the model with this number, which does not depend on other draws.
  ///
  /// - Throws: `AveragingError.overflow` when a value is beyond the range of its type, errors of reading and
  ///   writing.
  public func draw(_ number: Int, _ options: Options, to writer: CheckpointWriter, pool: ThreadPool) throws {
    let order = writer.order
    let tasks = TaskList(
      elementCounts: order.map { parameters[$0.name]?.mean.elementCount ?? $0.byteCount },
      elementBytes: order.map { parameters[$0.name] == nil ? 1 : 8 }, bytes: Self.pieceBytes)
    var shared = PortableNormal(key: [options.seed, UInt64(number), .max])
    let coefficients = (0..<deviationCount).map { _ in shared.next() }
    let sequencer = Sequencer(limit: 4 * pool.threadCount)
    try pool.forEach(tasks.count) { (task, _) throws in
      var output: [UInt8] = []
      do {
        for segment in tasks[task] {
          let tensor = order[segment.entry]
          if let parameter = parameters[tensor.name] {
            let key = [
              options.seed, UInt64(number), UInt64(segment.entry), UInt64(segment.elements.lowerBound),
            ]
            output += try draw(parameter, segment.elements, options, PortableNormal(key: key), coefficients)
          } else {
            output += try bytes(tensor, segment.elements)
          }
        }
      } catch {
        sequencer.fail(task)
        throw error
      }
      let finished = output
      func write() throws { try finished.withUnsafeBytes { try writer.write($0) } }
      try sequencer.pass(task, now: write, later: { write })
    }
  }

  private func draw(
    _ parameter: Gaussian, _ elements: Range<Int>, _ options: Options, _ normal: PortableNormal,
    _ coefficients: [Double]
  ) throws -> [UInt8] {
    var normal = normal
    var noise = try values(parameter.variance, elements).map { max($0, 0).squareRoot() * normal.next() }
    let rank = options.scaling == .paper ? parameter.deviations.count : requestedRank
    if !options.isDiagonal && rank > 1 {
      let factor = 1 / Double(rank - 1).squareRoot()
      for (deviation, coefficient) in zip(parameter.deviations, coefficients) {
        for (index, value) in try values(deviation, elements).enumerated() {
          noise[index] += factor * coefficient * value
        }
      }
    }
    let root = options.scale.squareRoot()
    let mean = try values(parameter.mean, elements)
    let drawn = zip(mean, noise).map { $0 + root * $1 }
    let dtype = parameter.mean.dtype
    do {
      return try TensorValue(doubles: drawn, shape: [drawn.count], dtype: dtype).bytes
    } catch CheckpointError.unrepresentable(_, _, let index, let value) {
      throw AveragingError.overflow(
        parameter.mean.name, dtype, index: parameter.mean.index(of: elements.lowerBound + index), value: value
      )
    }
  }

  private func values(_ tensor: TensorSpec, _ elements: Range<Int>) throws -> [Double] {
    let width = tensor.dtype.bitWidth / 8
    let bytes = try bytes(tensor, elements.lowerBound * width..<elements.upperBound * width)
    let values = try TensorValue(dtype: tensor.dtype, shape: [elements.count], bytes: bytes).doubles()
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw AveragingError.notFinite(
        file: source.label, tensor.name, index: tensor.index(of: elements.lowerBound + index),
        value: values[index])
    }
    return values
  }

  private func bytes(_ tensor: TensorSpec, _ range: Range<Int>) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      let target = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
      try source.read(tensor.name, at: range.lowerBound, into: target)
      count = range.count
    }
  }
}

/// Standard normal numbers that are equal in every bit on every machine.
///
/// Marsaglia's polar method with a logarithm made of additions, multiplications and divisions only: the C
/// library's functions differ between platforms in the last digit.
struct PortableNormal {
  private var generator: SeededGenerator
  private var spare: Double?

  /// A generator with a sequence determined by the key.
  init(key: [UInt64]) {
    let seed = key.reduce(UInt64(0)) { state, part in
      var mixer = SeededGenerator(seed: state ^ part)
      return mixer.next()
    }
    generator = SeededGenerator(seed: seed)
  }

  mutating func next() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    while true {
      let x = 2 * generator.uniform() - 1
      let y = 2 * generator.uniform() - 1
      let s = x * x + y * y
      guard s > 0, s < 1 else { continue }
      let factor = (-2 * Self.logarithm(s) / s).squareRoot()
      spare = y * factor
      return x * factor
    }
  }

  /// The natural logarithm of a positive normal number, relative error below 4e-16.
  ///
  /// ln m = 2·artanh((m - 1)/(m + 1)) for m from √½ to √2, where the series needs eleven terms.
  static func logarithm(_ value: Double) -> Double {
    var mantissa = value.significand
    var exponent = Double(value.exponent)
    if mantissa > 1.4142135623730951 {
      mantissa /= 2
      exponent += 1
    }
    let t = (mantissa - 1) / (mantissa + 1)
    let square = t * t
    var sum = 0.0
    for k in (0...11).reversed() { sum = sum * square + 1 / Double(2 * k + 1) }
    return exponent * 0.6931471805599453 + 2 * t * sum
  }
}
