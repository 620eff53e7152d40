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

  /// Views of each image to train on.
  var viewCount: Int {
    switch augment {
    case .test: 1
    case .flip: 2
    case .train: reread ? 1 : views
    }
  }

  /// Random transforms of the views; nil for none.
  var transforms: Augmentation? { augment == .train ? augmentation.makeAugmentation() : nil }

  /// The views of `dataset` to train on.
  func augmented(_ dataset: any ImageDataset, seed: UInt64) -> AugmentedDataset {
    AugmentedDataset(
      base: dataset, kind: augment, views: viewCount, augmentation: transforms, seed: seed)
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

  /// The features and labels of all images of `source`, as they are tested.
  mutating func features(of source: TrainingSource) throws -> LabelledFeatures {
    switch source {
    case .images(let dataset):
      LabelledFeatures(
        features: try features(of: AugmentedDataset(base: dataset)), labels: try dataset.labels())
    case .features(let stored): try features(of: stored)
    }
  }

  /// Features that were computed before, with the teacher's logits if they have any.
  mutating func features(of stored: StoredFeatures) throws -> LabelledFeatures {
    let samples = try stored.read { [caching, console, used] in
      try caching.storage(for: $0, used: used, console: console)
    }
    used += samples.features.shape.byteCount
    return samples
  }

  /// The features and teacher's logits of all views, and the labels of their images.
  mutating func features(of views: AugmentedDataset, teacherLogits: [Float]?) throws -> LabelledFeatures {
    let labels = try views.base.labels()
    return LabelledFeatures(
      features: try features(of: views), views: views.views, labels: labels, teacherLogits: teacherLogits)
  }

  private mutating func features(of views: AugmentedDataset) throws -> FeatureMaps {
    guard let folder = caching.cache else {
      let maps = try compute(views, items: views.allItems) { [caching, console, used] in
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
    let maps = try compute(views, items: views.allItems) { try cache.reserve($0) }
    try cache.save(maps)
    return maps
  }

  /// Computes the features of a share of the images, in the file at `path`.
  func write(_ part: FeaturePart, of views: AugmentedDataset, to path: String) throws {
    defer { part.discard(at: path) }
    let items = views.items(of: part.shard)
    try part.save(compute(views, items: items) { try part.reserve($0, at: path) }, at: path)
  }

  /// The features of some views, in their order.
  private func compute(
    _ views: AugmentedDataset, items: [Int],
    storage: @escaping (FeatureShape) throws -> FeatureStorage
  ) throws -> FeatureMaps {
    guard !items.isEmpty else {
      var shape = try self.shape()
      shape.count = 0
      return FeatureMaps(shape, storage: try storage(shape))
    }
    let collector = try FeatureCollector(
      tail, count: items.count, element: caching.cacheDtype, pool: pool, storage: storage)
    try forEachBatch(of: views, items: items, as: preprocessing, label: "features of \(views.name)") {
      try collector.add($0)
    }
    return collector.finish()
  }

  /// Extent of the features of one view, which is that of any image.
  func shape() throws -> FeatureShape {
    try tail.network.checkMemory(preprocessing, images: 1, batches: 1)
    let collector = try FeatureCollector(tail, count: 1, element: caching.cacheDtype, pool: pool)
    try collector.add(Tensor(shape: [1, preprocessing.crop, preprocessing.crop, 3]))
    return collector.finish().shape
  }

  /// Calls `body` with some views in their order, batch by batch.
  func forEachBatch(
    of views: AugmentedDataset, items: [Int], as preprocessing: Preprocessing, label: String,
    _ body: (Tensor) throws -> Void
  ) throws {
    let images = min(items.count, Self.batchSize)
    try tail.network.checkMemory(
      preprocessing, images: images,
      batches: min((items.count + images - 1) / max(images, 1), 1 + BatchLoader.usualPrefetch))
    let loader = BatchLoader(
      views, indices: items, batchSize: Self.batchSize, views: [preprocessing],
      workers: workers, augmentation: views.augmentation, seed: views.seed)
    let progress = console.progress(label, total: items.count, unit: "images")
    while let batch = try loader.next() {
      try body(batch.views[0])
      progress.advance(by: batch.indices.count)
    }
    progress.finish()
  }

  /// Everything but the images that the features to train on depend on.
  func recipe(seed: UInt64) throws -> FeatureRecipe {
    try recipe(caching.augment, views: caching.viewCount, transforms: caching.transforms, seed: seed)
  }

  private func recipe(
    _ kind: AugmentedDataset.Variant, views: Int, transforms: Augmentation?, seed: UInt64
  ) throws -> FeatureRecipe {
    var kernels = "\(blasDescription) \(Network.instructionSet)"
    if arithmetic.precision == .bfloat16 { kernels += " bf16 \(Network.bfloat16InstructionSet ?? "")" }
    let sums = arithmetic.exact ? " exact" : tail.cut == nil ? "" : " small tiles"
    return FeatureRecipe([
      ("frozen layers", try tail.backboneFingerprint().hexadecimal),
      ("preprocessing", preprocessing.summary), ("element type", caching.cacheDtype.rawValue),
      ("kernels", kernels), ("arithmetic", "\(arithmetic.precision.rawValue)\(sums)"),
      ("views", "\(kind.rawValue) \(views)"), ("transforms", transforms.map { "\($0)" } ?? "none"),
      // Other views are the same for every seed.
      ("seed", transforms == nil ? "any" : "\(seed)"),
    ])
  }

  /// Fingerprint of backbone, preprocessing, kernels and decoded images.
  private func key(of views: AugmentedDataset) throws -> ContentHash {
    var hash = try recipe(
      views.kind, views: views.views, transforms: views.augmentation, seed: views.seed
    ).fingerprint
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
