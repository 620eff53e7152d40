import NetworkExecution
import Platform
import TensorMath

/// Everything behind a cut through the network, forward and backward on cached maps.
final class DeepTail: TunedPart {
  let pool: ThreadPool
  let capacity: Int
  private let layers: TrainableLayers
  /// The parameters at the beginning, whose names and shapes stay.
  private let start: TailParameters
  private let maps: Tensor
  private var counters: [Int64?]
  /// Tensors in the order of the optimizers: classifier, then the others in execution order.
  private let ordered: [TrainableTensor]
  private let parametersOfSteps: [TrainableParameter]

  var classes: Int { layers.classes }
  /// Bytes of activations of one image between forward and backward pass.
  var activationBytes: Int { layers.activationBytes }

  /// - Parameters:
  ///   - parameters: values to start from, with `layers`.
  ///   - layers: the network behind the cut, whose tensors take those values.
  ///   - capacity: most images that are between forward and backward pass at a time.
  ///   - options: weight decay of biases and learning-rate decay; nil for a part that is only measured.
  ///   - tail: knows the classifier's tensors and how deep the others lie.
  ///   - pool: runs the arithmetic.
  init(
    _ parameters: TailParameters, layers: TrainableLayers, capacity: Int, options: TuningOptions?,
    tail: TunableTail, pool: ThreadPool
  ) throws {
    guard let own = parameters.layers else { preconditionFailure("no tuned layers") }
    try parameters.validate()
    self.layers = layers
    self.capacity = capacity
    self.pool = pool
    start = parameters
    counters = own.batchNorms.map(\.numBatchesTracked)
    maps = Tensor(uninitialized: [capacity, layers.floatsPerImage])
    let tensors = Dictionary(uniqueKeysWithValues: layers.tensors.map { ($0.name, $0) })
    let ordered = (tail.classifierKeys + own.names).map { tensors[$0]! }
    self.ordered = ordered
    if options != nil { layers.clearGradients() }
    let bias = tail.classifierKeys.dropFirst().first
    parametersOfSteps =
      options.map { options in
        ordered.map { tensor in
          TrainableParameter(
            tensor.value, gradient: tensor.gradient,
            decays: tensor.isMatrix || (tensor.name == bias && options.decaysBias),
            rateScale: pow(options.layerDecay, Double(tail.depth(of: tensor.name))))
        }
      } ?? []
    load(parameters)
  }

  /// Takes other values of the same shapes.
  func load(_ parameters: TailParameters) {
    guard let own = parameters.layers else { preconditionFailure("no tuned layers") }
    let values = [parameters.weight] + (parameters.bias.map { [$0] } ?? []) + own.values
    for (tensor, values) in zip(ordered, values) {
      precondition(tensor.value.count == values.count, "\(tensor.name): \(values.count) values")
      values.withUnsafeBufferPointer { tensor.value.pointer.update(from: $0.baseAddress!, count: $0.count) }
    }
    layers.statistics = own.batchNorms.map {
      RunningStatistics(mean: $0.runningMean, variance: $0.runningVar)
    }
    counters = own.batchNorms.map(\.numBatchesTracked)
    layers.weightsChanged()
  }

  var parameters: TailParameters { parameters(values: ordered.map(\.value.values)) }

  func trained(_ layers: TuningOptions.Layers) -> [TrainableParameter] { parametersOfSteps }

  func parameters(replacing trained: [TrainableParameter], by values: [[Double]]) -> TailParameters {
    parameters(values: values.map { $0.map(Float.init) })
  }

  private func parameters(values: [[Float]]) -> TailParameters {
    var result = start
    result.weight = values[0]
    if start.bias != nil { result.bias = values[1] }
    result.layers?.values = Array(values.dropFirst(start.bias == nil ? 1 : 2))
    result.layers?.batchNorms = zip(layers.statistics, counters).map {
      LayerParameters.Statistics(runningMean: $0.mean, runningVar: $0.variance, numBatchesTracked: $1)
    }
    return result
  }

  // MARK: Passes

  private func logits(
    _ images: FeatureRows, mode: TrainableLayers.Mode, dropPath: DropPath? = nil
  ) -> [Double] {
    precondition(images.count <= capacity, "\(images.count) images, room for \(capacity)")
    precondition(images.maps.shape.positions * images.maps.shape.channels == layers.floatsPerImage)
    let (rows, first) = (images.rows, images.rows.startIndex)
    pool.forEach(rows.count) { row, _ in
      images.maps.load(rows[first + row], into: maps.pointer + row * layers.floatsPerImage)
    }
    return layers.logits(maps.pointer, images: rows.count, mode: mode, dropPath: dropPath).values.map(
      Double.init)
  }

  func forward(_ images: FeatureRows) -> [Double] {
    let rows = images.rows
    return stride(from: rows.startIndex, to: rows.endIndex, by: capacity).flatMap { first in
      logits(
        FeatureRows(maps: images.maps, rows: rows[first..<min(first + capacity, rows.endIndex)]),
        mode: .inference)
    }
  }

  /// Sets the running statistics to those of `images` that pass in batches of `batchSize`, each normalized with its own
  /// statistics; the moments are pooled over all of them.
  func recalibrate(on images: FeatureRows, batchSize: Int) {
    guard !layers.batchNorms.isEmpty else { return }
    layers.collectMoments()
    let rows = images.rows
    let size = min(batchSize, capacity)
    for first in stride(from: rows.startIndex, to: rows.endIndex, by: size) {
      let chunk = rows[first..<min(first + size, rows.endIndex)]
      _ = logits(FeatureRows(maps: images.maps, rows: chunk), mode: .trainingWithBatchStatistics)
    }
    layers.useCollectedMoments()
  }

  /// With micro-batches the loss is the mean over them, each weighted by its images, and so are the gradients;
  /// BatchNorm takes the statistics of a micro-batch.
  func differentiate(
    _ next: TrainingBatch, _ options: TuningOptions, at step: StepNumber
  ) throws(TuningError) -> (batch: LossBatch, loss: Double) {
    layers.weightsChanged()
    layers.clearGradients()
    let mode: TrainableLayers.Mode =
      switch options.batchNorm {
      case .frozen: .trainingWithRunningStatistics
      case .batch: .training
      case .recalibrate: .trainingWithBatchStatistics
      }
    let rows = next.images.rows
    var all: [Double] = []
    var total = 0.0
    for first in stride(from: 0, to: rows.count, by: capacity) {
      let range = first..<min(first + capacity, rows.count)
      if options.batchNorm != .frozen, let values = layers.valuesPerChannel(images: range.count), values < 2 {
        throw .batchWithoutVariance(epoch: step.epoch, step: step.step)
      }
      let part = next.part(range, classes: classes)
      let draws =
        options.dropPath > 0
        ? DropPath(seed: options.seed, step: step.total, firstImage: first) : nil
      let batch = LossBatch(
        logits: logits(part.images, mode: mode, dropPath: draws), classes: classes, labels: part.labels,
        teacherLogits: part.teacherLogits)
      var gradient = [Double](repeating: 0, count: batch.logits.count)
      let loss = options.loss.evaluate(batch, mixture: part.mixture, gradient: &gradient)
      guard loss.isFinite else { throw .diverged(epoch: step.epoch, step: step.step, loss: loss) }
      let share = Double(range.count) / Double(rows.count)
      layers.backward(gradient.map { Float($0 * share) })
      total += share * loss
      all += batch.logits
    }
    if options.batchNorm == .batch { counters = counters.map { $0.map { $0 + 1 } } }
    let batch = LossBatch(
      logits: all, classes: classes, labels: next.labels, teacherLogits: next.teacherLogits)
    return (batch, total)
  }
}

extension TrainingBatch {
  /// Some of the images, counted from 0.
  fileprivate func part(_ range: Range<Int>, classes: Int) -> TrainingBatch {
    let first = images.rows.startIndex
    return TrainingBatch(
      images: FeatureRows(
        maps: images.maps, rows: images.rows[first + range.lowerBound..<first + range.upperBound]),
      labels: Array(labels[range]),
      teacherLogits: teacherLogits.map { Array($0[range.lowerBound * classes..<range.upperBound * classes]) },
      mixture: mixture.map { LabelMixture(partners: Array($0.partners[range]), weight: $0.weight) })
  }
}
