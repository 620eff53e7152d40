import ArgumentParser
import FineTuning
import ImageData
import Platform

/// The images to train on, as cached features or read again in every epoch.
enum TrainingSet {
  case cached(LabelledFeatures)
  case reread(RereadBatches)

  init(
    _ source: TrainingSource, classes: Int, options: TuningOptions, teacher: TeacherModel?,
    stage: inout FeatureStage
  ) throws {
    let dataset: any ImageDataset
    switch source {
    case .images(let images): dataset = images
    case .features(let stored):
      self = .cached(try stage.features(of: stored).taught(by: teacher))
      return
    }
    let caching = stage.caching
    let views = caching.augmented(dataset, seed: options.seed)
    guard caching.reread else {
      let logits = try teacher?.logits(on: views, items: views.allItems, classes: classes, stage: stage)
      self = .cached(try stage.features(of: views, teacherLogits: logits))
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

extension LabelledFeatures {
  /// Features without a teacher's logits, with those that the teacher has stored for the same images.
  fileprivate func taught(by teacher: TeacherModel?) -> LabelledFeatures {
    guard teacherLogits == nil, case .stored(let logits)? = teacher?.outputs else { return self }
    return LabelledFeatures(features: features, views: views, labels: labels, teacherLogits: logits)
  }
}

/// The images to train and to measure on.
struct TrainingDataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Labeled images to train on, or a file of the classifier's inputs from ckpt-sweep --features.",
      valueName: "dataset"),
    completion: .directory)
  var data: String?

  @Option(
    help: ArgumentHelp("Labeled images, or such a file, to validate on.", valueName: "dataset"),
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

  /// The numbers of all views.
  var allItems: [Int] { Array(0..<count) }

  /// The numbers of the views of a share of the images.
  func items(of shard: Shard) -> [Int] {
    shard.items(of: base.count).flatMap { $0 * views..<($0 + 1) * views }
  }

  var classNames: [String]? { base.classNames }
  var labelSource: LabelSource { base.labelSource }

  func label(_ index: Int) -> Int? { base.label(index / views) }
  func itemName(_ index: Int) -> String { base.itemName(index / views) }

  func image(_ index: Int) throws -> RGBImage {
    let image = try base.image(index / views)
    return kind == .flip && index % views == 1 ? ImageOperation.flip.apply(to: image) : image
  }
}
