import Checkpoint
import Platform

/// Distances between the checkpoints of a series, tensor by tensor.
///
/// ```swift
/// let report = try DriftReport(series, pool: pool)
/// for (tensor, row) in zip(report.tensors, report.rows) { print(tensor.name, row.drift) }
/// for outlier in report.model.outliers { print(series.members[outlier.checkpoint].label, outlier.ratio) }
/// ```
///
/// Distances are Euclidean, over the elements as float64, summed in a fixed order.
public struct DriftReport: Sendable {
  /// The distances of one tensor, or of the whole model.
  public struct Row: Sendable, Equatable {
    /// Euclidean norm in each checkpoint.
    public var norms: [Double]
    /// Distance of each checkpoint except the first from its predecessor.
    public var drift: [Double]
    /// Distance of each checkpoint from the mean of the others.
    public var distances: [Double]
  }

  /// The floating-point and complex tensors that all checkpoints have, by name.
  public let tensors: [TensorSpec]
  /// Distances of each of these tensors.
  public let rows: [Row]
  /// Distances over all tensors except running statistics, whose scale is not that of weights.
  public let model: Row

  /// Reads all checkpoints once.
  ///
  /// - Parameters:
  ///   - series: The checkpoints.
  ///   - pool: Runs the arithmetic.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  /// - Throws: `AveragingError.notFinite`, errors of reading.
  public init(
    _ series: Series, pool: ThreadPool, progress: @escaping (Int) -> Void = { _ in }
  ) throws {
    let quantized = try Quantization.find(in: series.common, file: series.members[0].label)
    let scales = Set(quantized.values.map(\.scale.name))
    tensors = series.common.filter {
      ($0.components.dtype.isFloatingPoint || quantized[$0.name] != nil) && !scales.contains($0.name)
    }
    let reader = DriftReader(series, quantized)
    var squares = tensors.map { _ in DriftSquares(count: series.members.count) }
    let tasks = TaskList(
      elementCounts: tensors.map(\.components.elementCount), elementBytes: tensors.map { _ in 1 },
      bytes: reader.sliceElements)
    let sequencer = Sequencer(limit: 4 * pool.threadCount)
    let tensors = tensors.map(\.components)
    try pool.forEach(tasks.count) { (task, _) throws in
      do {
        let parts = try tasks[task].map { segment in
          (segment.entry, try reader.squares(tensors[segment.entry], segment.elements))
        }
        let bytes = tasks[task].reduce(0) {
          $0 + $1.elements.count * tensors[$1.entry].dtype.bitWidth / 8 * series.members.count
        }
        // In the order of the elements, so that sums are equal for any number of threads.
        func add() {
          for (tensor, part) in parts { squares[tensor].add(part) }
          progress(bytes)
        }
        try sequencer.pass(task, now: add, later: { add })
      } catch {
        sequencer.fail(task)
        throw error
      }
    }
    rows = squares.map(\.row)
    var total = DriftSquares(count: series.members.count)
    for (tensor, part) in zip(tensors, squares) where TensorRole(tensor) != .runningStatistic {
      total.add(part)
    }
    model = total.row
  }
}

/// Sums of squares over some elements.
struct DriftSquares {
  var norms: [Double]
  var drift: [Double]
  var distances: [Double]

  init(count: Int) {
    norms = Array(repeating: 0, count: count)
    drift = Array(repeating: 0, count: max(0, count - 1))
    distances = norms
  }

  mutating func add(_ other: Self) {
    for index in norms.indices { norms[index] += other.norms[index] }
    for index in drift.indices { drift[index] += other.drift[index] }
    for index in distances.indices { distances[index] += other.distances[index] }
  }

  var row: DriftReport.Row {
    // The distance from the mean of the others is n/(n - 1) times that from the mean of all.
    let n = Double(norms.count)
    let factor = n > 1 ? n / (n - 1) : 0
    return .init(
      norms: norms.map { $0.squareRoot() }, drift: drift.map { $0.squareRoot() },
      distances: distances.map { factor * $0.squareRoot() })
  }
}

extension DriftReport {
  /// A checkpoint that is far from the rest.
  public struct Outlier: Sendable, Equatable {
    /// Index in the series.
    public let checkpoint: Int
    /// Distance from the mean of the others, divided by the median of all such distances.
    public let ratio: Double
  }
}

extension DriftReport.Row {
  /// Checkpoints whose distance from the mean of the others is more than 3.5 scaled median absolute
  /// deviations above the median distance (Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers",
  /// section 3.3) and at least 1.5 times the median.
  ///
  /// The second condition is for series whose distances hardly differ; training that moves steadily has its
  /// ends farther out than its middle, but never that far.
  public var outliers: [DriftReport.Outlier] {
    guard distances.count > 2 else { return [] }
    let middle = Self.median(distances)
    let spread = Self.median(distances.map { abs($0 - middle) }) / 0.6745
    guard middle > 0 else {
      // Most distances are equal.
      return distances.indices.filter { distances[$0] > 0 }.map { .init(checkpoint: $0, ratio: .infinity) }
    }
    return distances.indices.filter {
      distances[$0] > middle + 3.5 * spread && distances[$0] > 1.5 * middle
    }.map { .init(checkpoint: $0, ratio: distances[$0] / middle) }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// Reads some elements of all checkpoints and computes the squares of their differences.
struct DriftReader: Sendable {
  /// Values in memory at a time, over all checkpoints.
  private static let valueCount = 1 << 18

  let series: Series
  let quantized: [TensorName: Quantization]
  /// Elements of a tensor in memory at a time.
  let sliceElements: Int

  init(_ series: Series, _ quantized: [TensorName: Quantization]) {
    self.series = series
    self.quantized = quantized
    sliceElements = max(64, min(1 << 14, Self.valueCount / series.members.count))
  }

  func squares(_ tensor: TensorSpec, _ elements: Range<Int>) throws -> DriftSquares {
    let (inputs, count) = (series.members.count, elements.count)
    var result = DriftSquares(count: inputs)
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: inputs * count)
    let mean = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
    defer {
      values.deallocate()
      mean.deallocate()
    }
    mean.update(repeating: 0)
    for input in 0..<inputs {
      let row = UnsafeMutableBufferPointer(rebasing: values[input * count..<(input + 1) * count])
      try read(tensor, input, elements, into: row)
      for element in 0..<count { mean[element] += row[element] }
      result.norms[input] = Self.sumOfSquares(count) { row[$0] }
      if !result.norms[input].isFinite { try refuse(tensor, input, elements, row) }
      if input > 0 {
        let last = UnsafeMutableBufferPointer(rebasing: values[(input - 1) * count..<input * count])
        result.drift[input - 1] = Self.sumOfSquares(count) { row[$0] - last[$0] }
      }
    }
    for element in 0..<count { mean[element] /= Double(inputs) }
    for input in 0..<inputs {
      let row = UnsafeMutableBufferPointer(rebasing: values[input * count..<(input + 1) * count])
      result.distances[input] = Self.sumOfSquares(count) { row[$0] - mean[$0] }
    }
    return result
  }

  /// Four sums at a time, so that additions need not wait for each other.
  @inline(__always)
  private static func sumOfSquares(_ count: Int, _ value: (Int) -> Double) -> Double {
    var sums = SIMD4<Double>.zero
    var element = 0
    while element + 4 <= count {
      let x = SIMD4(value(element), value(element + 1), value(element + 2), value(element + 3))
      sums += x * x
      element += 4
    }
    var sum = sums.sum()
    while element < count {
      sum += value(element) * value(element)
      element += 1
    }
    return sum
  }

  private func read(
    _ tensor: TensorSpec, _ input: Int, _ elements: Range<Int>,
    into values: UnsafeMutableBufferPointer<Double>
  ) throws {
    let width = tensor.dtype.bitWidth / 8
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: width * values.count, alignment: 64)
    defer { bytes.deallocate() }
    try series.members[input].read(tensor.name, at: elements.lowerBound * width, into: bytes)
    ElementConversion.widen(UnsafeRawBufferPointer(bytes), tensor.dtype, into: values)
    if let quantization = quantized[tensor.name], let base = values.baseAddress {
      let scales = try series.members[input].finiteValues(quantization.scale.name)
      quantization.dequantize(base, of: tensor, elements, by: scales)
    }
  }

  private func refuse(
    _ tensor: TensorSpec, _ input: Int, _ elements: Range<Int>, _ values: UnsafeMutableBufferPointer<Double>
  ) throws {
    guard let element = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw AveragingError.notFinite(
      file: series.members[input].label, tensor.name,
      index: tensor.index(of: elements.lowerBound + element), value: values[element])
  }
}
