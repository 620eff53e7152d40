import FineTuning
import ImageData

/// The images to train on, as cached features or read again in every epoch.
enum TrainingSet {
  case cached(LabelledFeatures)
  case reread(RereadBatches)

  init(
    _ dataset: any ImageDataset, options: TuningOptions, teacher: Teacher?, stage: inout FeatureStage
  ) throws {
    let caching = stage.caching
    let views = caching.augmented(dataset, seed: options.seed)
    guard caching.reread else {
      self = .cached(
        try stage.features(
          of: views, teacherLogits: teacher?.logits(on: dataset, stage: stage)))
      return
    }
    var network: RereadBatches.Teacher?
    if case .network(let known, let view)? = teacher?.outputs {
      network = RereadBatches.Teacher(known, preprocessing: view)
    }
    let images = RereadBatches.Images(
      views, labels: try dataset.labels(), preprocessing: stage.preprocessing,
      augmentation: views.augmentation)
    self = .reread(
      RereadBatches(
        stage.tail, images: images, mixing: options.mixing, teacher: network, seed: options.seed,
        pool: stage.pool))
  }

  func tune(
    _ tuner: ClassifierTuner, _ start: TailParameters, validation: LabelledFeatures?,
    resuming state: TuningState?, onEpoch: (EpochRecord, () -> TuningState?) throws -> Void,
    onStep: (StepRecord) throws -> Void
  ) throws -> TailParameters {
    switch self {
    case .cached(let samples):
      try tuner.tune(
        start, on: samples, validation: validation, resuming: state, onEpoch: onEpoch, onStep: onStep)
    case .reread(let batches):
      try tuner.tune(
        start, on: batches, validation: validation, resuming: state, onEpoch: onEpoch, onStep: onStep)
    }
  }
}
