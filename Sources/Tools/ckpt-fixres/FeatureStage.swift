import ArgumentParser
import Checkpoint
import Command
import FineTuning
import FoundationEssentials
import ImageData
import NetworkCommand
import NetworkExecution
import Platform
import TensorMath

/// The views that are trained on, and where their features are kept.
struct CacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Views to train on: test-time preprocessing, also mirrored (flip), or random transforms (train).",
      valueName: "kind"))
  var augment = AugmentedDataset.Variant.test

  @Option(
    help: ArgumentHelp("Number of random transforms per image to cache features of.", valueName: "k"))
  var views = 4

  @OptionGroup var augmentation: AugmentationOptions

  @OptionGroup var mixing: MixingOptions

  @Flag(
    help: "Read and transform the images again in every epoch, without caching features; takes far longer.")
  var reread = false

  @Option(
    help: ArgumentHelp("Folder that keeps features for later runs.", valueName: "dir"),
    completion: .directory)
  var cache: String?

  @Option(help: ArgumentHelp("Element type of stored features.", valueName: "type"))
  var cacheDtype = FeatureElement.f32

  @Option(
    help: ArgumentHelp(
      "Memory for features; the rest goes to a scratch file (default: half of the machine's memory).",
      valueName: "size"
    ))
  var memory: ByteSize?

  func validate() throws {
    try OptionBounds.check(["--views": views], 1...1000)
    if augment != .train && augmentation.isGiven {
      throw ValidationError("the transforms of training need --augment train")
    }
    if mixing.cutmix != nil && !reread {
      throw ValidationError("--cutmix pastes images into one another, not their features: give --reread too")
    }
    if reread && cache != nil {
      throw ValidationError("--reread and --cache exclude each other")
    }
  }

  /// True if the images to train on are decoded more than once: for a fingerprint, or for several views.
  var readsAgain: Bool { reread || cache != nil || augment != .test }

  /// The views of `dataset` to train on.
  func augmented(_ dataset: any ImageDataset, seed: UInt64) -> AugmentedDataset {
    let count =
      switch augment {
      case .test: 1
      case .flip: 2
      case .train: reread ? 1 : views
      }
    return AugmentedDataset(
      base: dataset, kind: augment, views: count,
      augmentation: augment == .train ? augmentation.makeAugmentation() : nil, seed: seed)
  }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if augment != .test { entries.append(("augment", .string(augment.rawValue))) }
    if augment == .train && !reread { entries.append(("views", JSON(views))) }
    if augment == .train { entries += augmentation.history() }
    if reread { entries.append(("reread", .bool(true))) }
    entries += mixing.history()
    if cacheDtype != .f32 { entries.append(("cache_dtype", .string(cacheDtype.rawValue))) }
    return entries
  }

  /// Memory for features of `shape`, or a scratch file when `used` bytes and these are over the budget.
  func storage(for shape: FeatureShape, used: Int, console: Console) throws -> FeatureStorage {
    let budget = memory?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    guard used + shape.byteCount > budget else { return try .memory(byteCount: shape.byteCount) }
    let folder = temporaryFolder
    console.detail("\(shape.byteCount >> 20) MiB of features go into a scratch file in \(folder)")
    return try .scratch(byteCount: shape.byteCount, in: folder)
  }
}

extension AugmentedDataset.Variant: ExpressibleByArgument {}
extension FeatureElement: ExpressibleByArgument {}

/// Runs the frozen backbone over data sets.
struct FeatureStage {
  let tail: TunableTail
  let preprocessing: Preprocessing
  let caching: CacheOptions
  let arithmetic: ArithmeticOptions
  let pool: ThreadPool
  let workers: Int
  let console: Console

  private var used = 0

  private static let batchSize = 32

  init(
    tail: TunableTail, preprocessing: Preprocessing, caching: CacheOptions, arithmetic: ArithmeticOptions,
    pool: ThreadPool, workers: Int, console: Console
  ) {
    self.tail = tail
    self.preprocessing = preprocessing
    self.caching = caching
    self.arithmetic = arithmetic
    self.pool = pool
    self.workers = workers
    self.console = console
  }

  /// The features and labels of all images of `dataset`, as they are tested.
  mutating func features(of dataset: any ImageDataset) throws -> LabelledFeatures {
    LabelledFeatures(
      features: try features(of: AugmentedDataset(base: dataset)),
      labels: try dataset.labels())
  }

  /// The features and teacher's logits of all views, and the labels of their images.
  mutating func features(of views: AugmentedDataset, teacherLogits: [Float]?) throws -> LabelledFeatures {
    let labels = try views.base.labels()
    return LabelledFeatures(
      features: try features(of: views), views: views.views, labels: labels, teacherLogits: teacherLogits)
  }

  private mutating func features(of views: AugmentedDataset) throws -> FeatureMaps {
    guard let folder = caching.cache else {
      let maps = try compute(views) { [caching, console, used] in
        try caching.storage(for: $0, used: used, console: console)
      }
      used += maps.shape.byteCount
      return maps
    }
    let cache = FeatureCache(directory: folder, key: try key(of: views))
    if let maps = cache.load(), maps.shape.count == views.count {
      console.detail("features of \(views.name) from \(cache.path)")
      return maps
    }
    defer { cache.discard() }
    let maps = try compute(views) { try cache.reserve($0) }
    try cache.save(maps)
    return maps
  }

  private func compute(
    _ views: AugmentedDataset,
    storage: @escaping (FeatureShape) throws -> FeatureStorage
  ) throws -> FeatureMaps {
    let collector = try FeatureCollector(
      tail, count: views.count, element: caching.cacheDtype, pool: pool, storage: storage)
    try forEachBatch(of: views, as: preprocessing, label: "features of \(views.name)") {
      try collector.add($0)
    }
    return collector.finish()
  }

  /// Calls `body` with all views, batch by batch.
  func forEachBatch(
    of views: AugmentedDataset, as preprocessing: Preprocessing, label: String,
    _ body: (Tensor) throws -> Void
  ) throws {
    let images = min(views.count, Self.batchSize)
    try tail.network.checkMemory(
      preprocessing, images: images,
      batches: min((views.count + images - 1) / max(images, 1), 1 + BatchLoader.usualPrefetch))
    let loader = BatchLoader(
      views, indices: Array(0..<views.count), batchSize: Self.batchSize, views: [preprocessing],
      workers: workers, augmentation: views.augmentation, seed: views.seed)
    let progress = console.progress(label, total: views.count, unit: "images")
    while let batch = try loader.next() {
      try body(batch.views[0])
      progress.advance(by: batch.indices.count)
    }
    progress.finish()
  }

  /// Fingerprint of backbone, preprocessing, kernels and decoded images.
  private func key(of views: AugmentedDataset) throws -> ContentHash {
    var hash = try tail.backboneFingerprint()
    hash.add(preprocessing.summary)
    hash.add(caching.cacheDtype.rawValue)
    hash.add("\(blasDescription) \(Network.instructionSet)\(arithmetic.exact ? " exact" : "")")
    if arithmetic.precision == .bfloat16 { hash.add("bf16 \(Network.bfloat16InstructionSet ?? "")") }
    hash.add("\(views.kind) \(views.views)")
    if let augmentation = views.augmentation { hash.add("\(augmentation) \(views.seed)") }
    let dataset = views.base
    var images = [ContentHash](repeating: ContentHash(), count: dataset.count)
    try images.withUnsafeMutableBufferPointer { images in
      try pool.forEach(images.count) { index, _ in
        let image = try dataset.image(index)
        images[index].add("\(image.width) \(image.height)")
        image.pixels.withUnsafeBytes { images[index].add($0) }
      }
    }
    for image in images { hash.add(image) }
    return hash
  }

}

extension ImageDataset {
  /// The class of each image; whether the classifier has it is checked elsewhere.
  ///
  /// - Throws: `ImageDataError.unlabelled` for an image without.
  func labels() throws -> [Int] { try (0..<count).map { try requiredLabel($0) } }
}
