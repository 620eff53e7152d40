import Platform

/// The part of a network that is tuned: its last layers on cached features, or everything behind a cut.
protocol TunedPart: AnyObject {
  /// Runs the arithmetic.
  var pool: ThreadPool { get }
  /// Outputs of the classifier.
  var classes: Int { get }
  /// Most images of a batch.
  var capacity: Int { get }
  /// The current parameters.
  var parameters: TailParameters { get }

  /// The tensors that training changes, in the order of `TuningOptions.trainedCounts(of:)`.
  func trained(_ layers: TuningOptions.Layers) -> [TrainableParameter]

  /// The parameters with those of `trained`, in that order, replaced by `values`.
  func parameters(replacing trained: [TrainableParameter], by values: [[Double]]) -> TailParameters

  /// Logits of `images` with running statistics, [images, classes] in row-major order.
  func forward(_ images: FeatureRows) -> [Double]

  /// Computes loss and gradients of a batch, with the statistics that `options` choose.
  ///
  /// - Throws: `TuningError.batchWithoutVariance`; `TuningError.diverged` if the loss is no finite number.
  func differentiate(
    _ next: TrainingBatch, _ options: TuningOptions, at step: StepNumber
  ) throws(TuningError) -> (batch: LossBatch, loss: Double)
}

/// Place of a step in a run, for random draws and for messages.
struct StepNumber {
  /// Counted from 1.
  let epoch: Int
  /// Counted from 1 within the epoch.
  let step: Int
  /// Counted from 0 over the run.
  let total: Int
}

extension Tail: TunedPart {
  func trained(_ layers: TuningOptions.Layers) -> [TrainableParameter] {
    var trained = [weight]
    if let bias { trained.append(bias) }
    return layers == .classifier ? trained : trained + normParameters
  }

  func differentiate(
    _ next: TrainingBatch, _ options: TuningOptions, at step: StepNumber
  ) throws(TuningError) -> (batch: LossBatch, loss: Double) {
    if options.batchNorm == .batch && statistics != nil {
      guard next.images.valuesPerChannel > 1 else {
        throw .batchWithoutVariance(epoch: step.epoch, step: step.step)
      }
      useBatchStatistics(of: next.images)
    }
    let batch = LossBatch(
      logits: forward(next.images), classes: classes, labels: next.labels, teacherLogits: next.teacherLogits)
    var gradient = [Double](repeating: 0, count: batch.logits.count)
    let loss = options.loss.evaluate(batch, mixture: next.mixture, gradient: &gradient)
    guard loss.isFinite else { throw .diverged(epoch: step.epoch, step: step.step, loss: loss) }
    backward(
      gradient, rows: next.images.count,
      trainsNorm: options.layers != .classifier && !normParameters.isEmpty)
    return (batch, loss)
  }
}
