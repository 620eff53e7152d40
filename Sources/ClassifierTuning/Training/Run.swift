import TensorMath

/// The state of a tuning run between its steps.
struct Run {
  private let options: TuningOptions
  private let tail: Tail
  private let labels: [Int]
  private let optimizer: any Optimizer
  private let trained: [Parameter]
  private let stepsPerEpoch: Int
  private var generator: SeededGenerator

  init(_ options: TuningOptions, tail: Tail, labels: [Int]) {
    self.options = options
    self.tail = tail
    self.labels = labels
    optimizer = SGD(
      momentum: options.momentum, weightDecay: options.weightDecay, nesterov: options.nesterov)
    var trained = [tail.weight]
    if let bias = tail.bias { trained.append(bias) }
    if Self.trainsBatchNorm(options, tail) { trained += [tail.gamma, tail.beta] }
    self.trained = trained
    stepsPerEpoch = (labels.count + options.batchSize - 1) / options.batchSize
    generator = SeededGenerator(seed: options.seed)
  }

  private static func trainsBatchNorm(_ options: TuningOptions, _ tail: Tail) -> Bool {
    options.layers == .classifierAndBatchNorm && tail.statistics != nil
  }

  /// Trains on every sample once.
  mutating func epoch(
    _ epoch: Int, onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double) {
    let order = options.order?[epoch - 1] ?? generator.permutation(labels.count)
    var metrics = Metrics()
    var learningRate = 0.0
    for step in 1...stepsPerEpoch {
      let first = (step - 1) * options.batchSize
      let rows = order[first..<min(first + options.batchSize, order.count)]
      let done = (epoch - 1) * stepsPerEpoch + step - 1
      learningRate =
        options.learningRate
        * options.schedule.factor(step: done, of: options.epochs * stepsPerEpoch)
      let loss = try self.step(rows, epoch: epoch, step: step, learningRate: learningRate, &metrics)
      try onStep(StepRecord(epoch: epoch, step: step, learningRate: learningRate, loss: loss))
    }
    return (metrics, learningRate)
  }

  private func step(
    _ rows: ArraySlice<Int>, epoch: Int, step: Int, learningRate: Double, _ metrics: inout Metrics
  ) throws -> Double {
    if options.batchNorm == .batch && tail.statistics != nil {
      guard rows.count * tail.features.positions > 1 else {
        throw TuningError.batchWithoutVariance(epoch: epoch, step: step)
      }
      tail.useBatchStatistics(of: rows)
    }
    let batch = LossBatch(
      logits: tail.forward(rows), classes: tail.classes, labels: rows.map { labels[$0] })
    var gradient = [Double](repeating: 0, count: batch.logits.count)
    let loss = options.loss.evaluate(batch, gradient: &gradient)
    guard loss.isFinite else { throw TuningError.diverged(epoch: epoch, step: step, loss: loss) }
    metrics.add(batch, loss: loss)
    tail.backward(
      gradient, rows: rows.count, trainsBatchNorm: Self.trainsBatchNorm(options, tail))
    optimizer.step(trained, learningRate: learningRate, pool: tail.pool)
    return loss
  }
}
