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
    let turnstile = Turnstile(limit: 4 * pool.threadCount)
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
        try turnstile.pass(task, now: add, later: { add })
      } catch {
        turnstile.fail(task)
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
