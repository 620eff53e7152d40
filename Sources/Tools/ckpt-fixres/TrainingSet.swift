import ArgumentParser
import FineTuning
import ImageData

/// The images to train on, as cached features or read again in every epoch.
enum TrainingSet {
  case cached(LabelledFeatures)
  case reread(RereadBatches)

  init(
    _ dataset: any ImageDataset, options: TuningOptions, teacher: TeacherModel?, stage: inout FeatureStage
  ) throws {
    let caching = stage.caching
    let views = caching.augmented(dataset, seed: options.seed)
    guard caching.reread else {
      self = .cached(
        try stage.features(
          of: views, teacherLogits: teacher?.logits(on: views, stage: stage)))
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

/// The images to train and to measure on.
struct TrainingDataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Labeled images to train on.", valueName: "dataset"),
    completion: .directory)
  var data: String

  @Option(
    help: ArgumentHelp("Labeled images to validate on.", valueName: "dataset"),
    completion: .directory)
  var val: String?
}

/// Several views of every image of a data set: view v of image i is item i·views + v.
///
/// The contents of a view depend on the seed and its index alone, so that views can be cached and read in any
/// order.
struct AugmentedDataset: ImageDataset {
  enum Variant: String, CaseIterable {
    /// The image as it is.
    case test
    /// The image and its mirror image.
    case flip
    /// The image through random transforms, as in training.
    case train
  }

  let base: any ImageDataset
  var kind = Variant.test
  var views = 1
  /// Augmentation that the loader applies to the images of `train` views; each view is an item of its own to
  /// it.
  var augmentation: Augmentation?
  var seed: UInt64 = 0

  var name: String { base.name }
  var count: Int { base.count * views }
  var classNames: [String]? { base.classNames }
  var labelSource: LabelSource { base.labelSource }

  func label(_ index: Int) -> Int? { base.label(index / views) }
  func itemName(_ index: Int) -> String { base.itemName(index / views) }

  func image(_ index: Int) throws -> RGBImage {
    let image = try base.image(index / views)
    return kind == .flip && index % views == 1 ? ImageOperation.flip.apply(to: image) : image
  }
}
