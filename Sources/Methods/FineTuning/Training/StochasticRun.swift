import Statistics

/// Steps of a stochastic optimizer over shuffled batches.
final class StochasticRun: TuningRun {
  private let options: TuningOptions
  private let tail: any TunedPart
  private let source: any BatchSource
  private let optimizer: any Optimizer
  private let trained: [TrainableParameter]
  private let finish: (TailParameters) -> TailParameters
  private let stepsPerEpoch: Int
  private var generator: SeededGenerator
  private var order: [Int] = []
  /// The result after an epoch, which is asked for more than once.
  private var finished: (epoch: Int, result: TailParameters)?
  private var average: WeightAverage?
  private var plateau: PlateauWatch
  private(set) var epoch = 0

  /// - Parameter finish: makes a result of weights, with statistics that suit them.
  /// - Throws: `TuningError.foreignState` for a state that no run of these options and images leaves.
  init(
    _ options: TuningOptions, tail: any TunedPart, source: any BatchSource, resuming state: TuningState?,
    finish: @escaping (TailParameters) -> TailParameters = { $0 }
  ) throws(TuningError) {
    if let reason = state?.misfit(options, like: tail.parameters, samples: source.imageCount) {
      throw .foreignState(path: "the state to go on from", reason: reason)
    }
    self.options = options
    self.tail = tail
    self.source = source
    optimizer = options.makeOptimizer()
    self.finish = finish
    trained = tail.trained(options.layers)
    stepsPerEpoch = (source.imageCount - 1) / options.batchSize + 1
    generator = SeededGenerator(seed: options.seed, for: "image order")
    plateau = PlateauWatch(patience: options.schedule.patience)
    if case .ema = options.averaging { average = WeightAverage(trained, count: 1) }
    guard let state else { return }
    epoch = state.epoch
    for _ in 0..<(options.reshuffles ? epoch : 0) { _ = drawOrder() }
    optimizer.state = state.optimizer
    plateau = state.plateau
    if !state.average.isEmpty {
      average = WeightAverage(values: state.average, count: state.averageCount)
    }
  }

  /// The current result: the average if there is one, else the weights.
  var result: TailParameters {
    if let finished, finished.epoch == epoch { return finished.result }
    let result = finish(average.map { tail.parameters(replacing: trained, by: $0.values) } ?? tail.parameters)
    finished = (epoch, result)
    return result
  }

  /// Nil: one batch's gradient says nothing of the minimum.
  var optimality: Optimality? { nil }

  /// - Parameters: additions of early stopping.
  func state(stopping: PlateauWatch, best: TailParameters?) -> TuningState {
    TuningState(
      epoch: epoch, parameters: tail.parameters, optimizer: optimizer.state,
      average: average?.values ?? [], averageCount: average?.count ?? 0, plateau: plateau,
      stopping: stopping, best: best)
  }

  /// Passes the watched loss to the plateau schedule.
  func observe(_ loss: Double) { plateau.observe(loss) }

  /// Trains on every sample once.
  func trainEpoch(
    onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double)? {
    if options.reshuffles || order.isEmpty { order = drawOrder() }
    let order = options.order?[epoch] ?? order
    var metrics = Metrics()
    var learningRate = 0.0
    try source.startEpoch(
      epoch,
      batches: stride(from: 0, to: order.count, by: options.batchSize).map {
        order[$0..<min($0 + options.batchSize, order.count)]
      })
    for step in 0..<stepsPerEpoch {
      learningRate = self.learningRate(step: step)
      let record = try makeStep(
        try source.nextBatch(), step: step, learningRate: learningRate, &metrics)
      try onStep(record)
    }
    epoch += 1
    if case .swa(let from) = options.averaging, epoch >= from {
      if average == nil {
        average = WeightAverage(trained, count: 1)
      } else {
        average?.add(trained, pool: tail.pool)
      }
    }
    try checkFinite(metrics.loss)
    return (metrics, learningRate)
  }

  /// All images in random order, one view of each.
  private func drawOrder() -> [Int] {
    let images = generator.permutation(source.imageCount)
    guard source.views > 1 else { return images }
    return images.map { $0 * source.views + generator.integer(below: source.views) }
  }

  private func learningRate(step: Int) -> Double {
    let done = epoch * stepsPerEpoch + step
    let warm = options.warmUp.steps
    let factor = options.schedule.factor(
      epoch: epoch, step: max(0, done - warm), of: options.epochs * stepsPerEpoch - warm,
      reductions: plateau.reductions)
    return options.learningRate * factor * options.warmUp.factor(step: done)
  }

  private func makeStep(
    _ next: TrainingBatch, step: Int, learningRate: Double, _ metrics: inout Metrics
  ) throws -> StepRecord {
    let (batch, loss) = try tail.differentiate(
      next, options,
      at: StepNumber(epoch: epoch + 1, step: step + 1, total: epoch * stepsPerEpoch + step))
    metrics.add(batch, loss: loss)
    if let limit = options.clipNorm { clip(to: limit) }
    optimizer.step(trained, learningRate: learningRate, pool: tail.pool)
    let done = epoch * stepsPerEpoch + step + 1
    if case .ema(let decay, let every) = options.averaging, done.isMultiple(of: every) {
      average?.add(trained, share: 1 - decay, pool: tail.pool)
    }
    return StepRecord(epoch: epoch + 1, step: step + 1, learningRate: learningRate, loss: loss)
  }

  /// Scales all gradients together to at most `limit` (`torch.nn.utils.clip_grad_norm_`).
  private func clip(to limit: Double) {
    let norm = trained.reduce(0) { $0 + $1.gradient.norm * $1.gradient.norm }.squareRoot()
    let factor = Float(limit / (norm + 1e-6))
    guard factor < 1 else { return }
    for parameter in trained {
      for i in 0..<parameter.count { parameter.gradient.pointer[i] *= factor }
    }
  }

  /// The last step's effect shows in no later loss, so the parameters themselves are checked.
  private func checkFinite(_ loss: Double) throws {
    for parameter in trained {
      for i in 0..<parameter.count where !parameter.value.pointer[i].isFinite {
        throw TuningError.diverged(epoch: epoch, step: stepsPerEpoch, loss: loss)
      }
    }
  }
}

extension TuningOptions {
  func makeOptimizer() -> any Optimizer {
    switch optimizer {
    case .adam: Adam(.adam, weightDecay: weightDecay)
    case .adamw: Adam(.adamW, weightDecay: weightDecay)
    case .lamb: Adam(.lamb, weightDecay: weightDecay, trustRatio: trustRatio)
    case .sgd, .lbfgs: SGD(momentum: momentum, weightDecay: weightDecay, nesterov: nesterov)
    }
  }
}

extension LearningRateSchedule {
  var patience: Int {
    if case .plateau(let patience, _) = self { patience } else { 0 }
  }
}
