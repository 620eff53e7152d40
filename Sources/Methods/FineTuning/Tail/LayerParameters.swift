import Checkpoint
import TensorMath

/// Tuned tensors before the classifier, and the running statistics of the BatchNorms among them.
public struct LayerParameters: Sendable, Equatable {
  /// Names of the tuned tensors in execution order, without those of the classifier.
  public let names: [TensorName]
  /// Their elements in PyTorch's order, one array for each name.
  public var values: [[Float]]
  /// The BatchNorms behind the cut in execution order, whether or not they are trained.
  public var batchNorms: [Statistics]

  /// Running statistics of a BatchNorm.
  public struct Statistics: Sendable, Equatable {
    /// Running mean, one per channel, kept in float64 over the run.
    public var runningMean: [Double]
    /// Running variance, kept in float64 over the run.
    public var runningVar: [Double]
    /// Number of training steps; nil when the checkpoint does not count them.
    public var numBatchesTracked: Int64?

    /// - Parameters: one mean and variance per channel, and the number of steps.
    public init(runningMean: [Double], runningVar: [Double], numBatchesTracked: Int64?) {
      self.runningMean = runningMean
      self.runningVar = runningVar
      self.numBatchesTracked = numBatchesTracked
    }
  }

  /// - Parameters:
  ///   - names: names of the tuned tensors in execution order.
  ///   - values: one array for each name.
  ///   - batchNorms: statistics of the BatchNorms behind the cut in execution order.
  public init(names: [TensorName], values: [[Float]], batchNorms: [Statistics]) {
    precondition(names.count == values.count, "\(names.count) names for \(values.count) tensors")
    self.names = names
    self.values = values
    self.batchNorms = batchNorms
  }
}

/// How far tuning has moved a tensor.
public struct TensorMovement: Sendable, Equatable {
  /// Name in the checkpoint.
  public let name: TensorName
  /// Number of elements.
  public let count: Int
  /// Euclidean norm of the difference, divided by that of the start; nil where the start is zero.
  public let relative: Double?
}

extension TailParameters {
  /// Number of trained numbers.
  public var parameterCount: Int {
    let norm = batchNorm.map { _ in 2 * channels } ?? 0
    let layerNorm = layerNorm.map { $0.bias == nil ? channels : 2 * channels } ?? 0
    return weight.count + (bias?.count ?? 0) + norm + layerNorm
      + (layers?.values.reduce(0) { $0 + $1.count } ?? 0)
  }

  /// The distances of the tuned tensors before the classifier from `start`, in execution order.
  public func movements(from start: TailParameters) -> [TensorMovement] {
    guard let layers, let first = start.layers, layers.names == first.names else { return [] }
    return layers.names.indices.map { index in
      func norm(_ values: some Sequence<Double>) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
      let (new, old) = (layers.values[index], first.values[index])
      let size = norm(old.map(Double.init))
      let distance = norm(zip(new, old).map { Double($0) - Double($1) })
      return TensorMovement(
        name: layers.names[index], count: new.count, relative: size > 0 ? distance / size : nil)
    }
  }
}
