import NetworkGraphs
import Platform

/// Trains the last layers of a network on cached features (Touvron et al. 2019, §4: the classifier and the
/// last BatchNorm adapted to the test resolution).
///
/// ```swift
/// var options = TuningOptions()
/// options.epochs = 10
/// let tuner = try ClassifierTuner(options, activation: tail.activation, pool: pool)
/// let tuned = try tuner.tune(tail.start, on: train, validation: validation)
/// print(try tuner.measure(tuned, on: validation).metrics.top1)
/// ```
public struct ClassifierTuner {
  let options: TuningOptions
  let pool: ThreadPool
  private let parts: PartMaker

  /// - Parameters:
  ///   - options: layers to train, optimizer and schedule.
  ///   - activation: activation between the last BatchNorm and the pooling; `.identity` for pooled features.
  ///   - pool: runs the arithmetic; the result does not depend on its number of threads.
  /// - Throws: `TuningError.invalidOption`.
  public init(_ options: TuningOptions, activation: Activation, pool: ThreadPool) throws {
    try options.validate()
    self.options = options
    self.pool = pool
    parts = PartMaker(options, activation: activation, deep: nil, pool: pool)
  }

  /// A tuner of the layers that `tail` selects, which may be all behind a cut.
  ///
  /// - Parameters:
  ///   - options: layers to train, as `tail` has them, optimizer and schedule.
  ///   - tail: the tuned part of the network.
  ///   - height: height of the network's input.
  ///   - width: width of the network's input.
  ///   - pool: runs the arithmetic; the result does not depend on its number of threads.
  /// - Throws: `TuningError.invalidOption`.
  public init(_ options: TuningOptions, tail: TunableTail, height: Int, width: Int, pool: ThreadPool) throws {
    try options.validate()
    self.options = options
    self.pool = pool
    parts = PartMaker(
      options, activation: tail.activation,
      deep: tail.cut == nil ? nil : (tail: tail, height: height, width: width), pool: pool)
  }

  /// Refuses layers that cannot be trained, and batches that do not fit into memory, before any long work.
  ///
  /// - Parameters:
  ///   - start: initial parameters.
  ///   - images: number of images to train on.
  ///   - available: bytes of memory.
  /// - Throws: `NetworkError.notDifferentiable`, `NetworkError.inputTooSmall`,
  ///   `TuningError.activationsExceedMemory`; errors of reading.
  public func checkLayers(_ start: TailParameters, images: Int, available: Int) throws {
    try parts.validateLayers(start, images: min(images, options.batchSize), available: available)
  }

  /// Runs all epochs, or fewer when stopping early.
  ///
  /// With `TuningOptions.patience` the start is a candidate like every epoch: parameters that no epoch improves stay as
  /// they are.
  ///
  /// - Parameters:
  ///   - start: initial parameters.
  ///   - train: samples to train on.
  ///   - validation: samples to measure after every epoch.
  ///   - state: state of an interrupted run with the same options and samples.
  ///   - onEpoch: called after every epoch with its record and a closure that returns the state to resume
  ///   from (nil
  ///     for L-BFGS, which has none).
  ///   - onStep: called after every step.
  /// - Returns: the tuned parameters.
  /// - Throws: `TuningError` for labels or shapes that do not fit and when the loss is no longer finite;
  ///   errors of the callbacks.
  public func tune(
    _ start: TailParameters, on train: LabelledFeatures, validation: LabelledFeatures? = nil,
    resuming state: TuningState? = nil,
    onEpoch: (EpochRecord, () -> TuningState?) throws -> Void = { _, _ in },
    onStep: (StepRecord) throws -> Void = { _ in }
  ) throws -> TailParameters {
    try train.validate(for: start, what: "the training data")
    try parts.validate(train.features)
    let everything = FeatureRows(maps: train.features, rows: ArraySlice(0..<train.features.shape.count))
    let part = try parts.part(
      state?.parameters ?? start,
      images: min(options.optimizer == .lbfgs ? 256 : options.batchSize, train.labels.count))
    let tail = part as? Tail
    // Behind a cut the statistics change with the weights, so that they are recalibrated after an epoch.
    if options.batchNorm == .recalibrate { tail?.recalibrate(on: everything) }
    let run: any TuningRun =
      if options.optimizer == .lbfgs, let tail {
        try QuasiNewtonRun(options, tail: tail, samples: train)
      } else {
        try StochasticRun(
          options, tail: part,
          source: CachedBatches(
            train, classes: start.classes, mixing: options.mixing, seed: options.seed, pool: pool),
          resuming: state,
          finish: options.recalibratesResult ? parts.recalibration(of: start, on: everything) : { $0 })
      }
    return try advance(
      run, start, validation: validation, resuming: state, onEpoch: onEpoch, onStep: onStep)
  }

  /// Runs all epochs on batches that are not cached features; otherwise like the other `tune`.
  ///
  /// - Throws: also `TuningError.invalidOption` for options that need all features at once: L-BFGS and
  ///   recalibration.
  public func tune(
    _ start: TailParameters, on source: any BatchSource, validation: LabelledFeatures? = nil,
    resuming state: TuningState? = nil,
    onEpoch: (EpochRecord, () -> TuningState?) throws -> Void = { _, _ in },
    onStep: (StepRecord) throws -> Void = { _ in }
  ) throws -> TailParameters {
    try options.validateForStream()
    let tail = try parts.part(
      state?.parameters ?? start, images: min(options.batchSize, source.imageCount))
    return try advance(
      StochasticRun(options, tail: tail, source: source, resuming: state), start, validation: validation,
      resuming: state, onEpoch: onEpoch, onStep: onStep)
  }

  private func advance(
    _ run: any TuningRun, _ start: TailParameters, validation: LabelledFeatures?,
    resuming state: TuningState?, onEpoch: (EpochRecord, () -> TuningState?) throws -> Void,
    onStep: (StepRecord) throws -> Void
  ) throws -> TailParameters {
    try validation?.validate(for: start, what: "the validation data")
    var stopping = state?.stopping ?? PlateauWatch(patience: (options.patience ?? 0) - 1)
    var best = state?.best
    if state == nil, options.patience != nil, let validation {
      stopping.observe(try measure(start, on: validation).metrics.loss)
      best = start
    }
    while run.epoch < options.epochs && !(best != nil && stopping.reductions > 0) {
      guard let (metrics, learningRate) = try run.trainEpoch(onStep: onStep) else { break }
      let validationMetrics = try validation.map { try measure(run.result, on: $0).metrics }
      run.observe(validationMetrics?.loss ?? metrics.loss)
      var record = EpochRecord(
        epoch: run.epoch, learningRate: learningRate, train: metrics, validation: validationMetrics,
        optimality: run.optimality)
      if let validationMetrics, options.patience != nil {
        record.isBest = stopping.observe(validationMetrics.loss) || best == nil
        if record.isBest { best = run.result }
      }
      try onEpoch(record) { (run as? StochasticRun)?.state(stopping: stopping, best: best) }
    }
    return best ?? run.result
  }

  /// Loss (plain cross-entropy) and accuracy of `parameters` on `samples` with running statistics, and the
  /// correctness of each image.
  public func measure(
    _ parameters: TailParameters, on samples: LabelledFeatures
  ) throws -> (metrics: Metrics, isCorrect: [Bool]) {
    try samples.validate(for: parameters, what: "the data to measure on")
    try parts.validate(samples.features)
    let rows = samples.labels.indices.map { $0 * samples.views }
    let tail = try parts.measuringPart(parameters, images: rows.count)
    let loss = CrossEntropy()
    var metrics = Metrics()
    var isCorrect: [Bool] = []
    for first in stride(from: 0, to: rows.count, by: tail.capacity) {
      let chunk = rows[first..<min(first + tail.capacity, rows.count)]
      let batch = samples.batch(
        chunk, logits: tail.forward(FeatureRows(maps: samples.features, rows: chunk)),
        classes: parameters.classes)
      var gradient = [Double](repeating: 0, count: batch.logits.count)
      isCorrect += metrics.add(batch, loss: loss.evaluate(batch, gradient: &gradient))
    }
    return (metrics, isCorrect)
  }
}

/// A run that advances epoch by epoch.
protocol TuningRun: AnyObject {
  /// Number of epochs done.
  var epoch: Int { get }

  /// The current result.
  var result: TailParameters { get }

  /// Distance from the minimum; nil where it is not known.
  var optimality: Optimality? { get }

  /// Advances by one epoch; nil when the run has converged and did not move.
  func trainEpoch(
    onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double)?

  /// Receives the epoch's validation loss, or its training loss without validation.
  func observe(_ loss: Double)
}
