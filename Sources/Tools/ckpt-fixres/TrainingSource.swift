import ArgumentParser
import Checkpoint
import Command
import FineTuning
import FoundationEssentials
import ImageData
import NetworkCommand
import Platform

/// The images to train on, or to measure on.
enum TrainingSource {
  /// Images that the network is still to see.
  case images(any ImageDataset)
  /// Features of images that it saw before.
  case features(StoredFeatures)

  /// Name of the data set.
  var name: String {
    switch self {
    case .images(let dataset): dataset.name
    case .features(let stored): stored.name
    }
  }

  /// Number of images.
  var count: Int {
    switch self {
    case .images(let dataset): dataset.count
    case .features(let stored): stored.count
    }
  }

  /// Names of the classes, if they have any.
  var classNames: [String]? {
    switch self {
    case .images(let dataset): dataset.classNames
    case .features(let stored): stored.classNames
    }
  }

  /// True if there are images to look at.
  var hasImages: Bool { if case .images = self { true } else { false } }
}

/// Features in files, whose labels have been read.
struct StoredFeatures {
  let name: String
  let count: Int
  let classNames: [String]?
  /// Reads the features into memory that the closure allocates.
  let read: ((FeatureShape) throws -> FeatureStorage) throws -> LabelledFeatures

  /// The classifier's inputs in the file that `argument` names; nil if it names something else.
  ///
  /// - Parameters:
  ///   - stage: has the preprocessing and the frozen layers that they must be of.
  ///   - classes: number of classes.
  ///   - needsMore: true if more than the classifier is trained, or by other statistics than the checkpoint's.
  ///   - reference: names of the classes that the labels are numbers of.
  init?(
    argument: String, model: LoadedModel, stage: FeatureStage, classes: Int, needsMore: Bool,
    reference: ClassNames?, console: Console
  ) throws {
    let isNamed = [".safetensors", ".st"].contains { argument.ends(in: $0) }
    // What cannot be opened is refused as a data set.
    guard isNamed, isRegularFile(argument), let source = try? openCheckpoint(.path(argument)),
      source.spec("features") != nil, source.spec("images") == nil
    else { return nil }
    guard !needsMore else {
      throw Failure(
        .usage,
        "\(TensorName(argument).escaped) holds the inputs of a classifier, which can be trained alone: give --train fc, and no --bn but frozen"
      )
    }
    let inputs = try ClassifierInputs(
      reading: source, channels: stage.tail.start.channels,
      of: ClassifierInputs.Origin(
        checkpoint: contentDigest(of: model.source), preprocessing: stage.preprocessing, classes: classes))
    if !inputs.recordsCheckpoint {
      console.notice(
        "\(source.label) does not record its checkpoint: taken for features of \(model.source.label)")
    }
    if let reference, let names = inputs.classNames {
      try reference.check(ClassNames(names, owner: source.label), console: console)
    }
    name = argument
    count = inputs.labels.count
    classNames = inputs.classNames
    let element = stage.caching.cacheDtype
    read = { try inputs.features(as: element, storage: $0) }
  }

  /// The features of all images, of which each part has a share.
  init(_ parts: [FeaturePart]) {
    // Whatever the order of the parts, one of them names the data set.
    let first = parts.min { $0.shard.index < $1.shard.index }
    name = first?.recorded["data"]?.stringValue ?? ""
    count = first?.imageCount ?? 0
    let names = first?.recorded["classes"]?.arrayValue?.compactMap(\.stringValue)
    classNames = names?.count == first?.classes ? names : nil
    read = { try FeaturePart.joined(parts, storage: $0) }
  }

  /// Refuses options that would not do anything.
  ///
  /// - Parameters:
  ///   - options: selection and reading of images.
  ///   - training: the images to train on.
  ///   - validation: the images to measure on.
  static func check(
    _ options: DataOptions, caching: CacheOptions, training: TrainingSource, validation: TrainingSource?
  ) throws {
    guard case .features = training else { return }
    guard caching.augment == .test, !caching.reread else {
      throw Failure(.usage, "features are of one view of each image: leave out --augment and --reread")
    }
    if options.limit != nil || options.sample != nil {
      throw Failure(.usage, "--limit and --sample select images, not features: leave them out")
    }
    guard !(validation?.hasImages ?? false) else { return }
    if let option = options.history().first {
      let name = option.0.replacing("_", with: "-")
      throw Failure(.usage, "--\(name) is about images, of which only features are read: leave it out")
    }
    if caching.cache != nil { throw Failure(.usage, "there are no features to compute: leave out --cache") }
  }
}

private func isRegularFile(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// Features that several processes compute and one of them trains on.
struct SharingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shard I of N of the images (I from 0), or from the scheduler: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(
    help: ArgumentHelp("Output file for the shard's features; nothing is trained.", valueName: "file"),
    completion: .file())
  var features: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Features of all shards to train on, instead of --data.", valueName: "file"),
    completion: .file())
  var merge: [String] = []

  func validate() throws {
    if (shard == nil) != (features == nil) { throw ValidationError("--shard and --features go together") }
    if shard != nil && !merge.isEmpty { throw ValidationError("--shard and --merge exclude each other") }
    if features == "-" { throw ValidationError("--features takes a file: it is computed in place") }
  }

  /// The share of this process; nil if it trains.
  func resolvedShard() throws -> Shard? {
    try shard?.resolve(environment: ProcessInfo.processInfo.environment)
  }

  /// Properties of the features that options decide, besides those of the frozen layers and the views.
  ///
  /// Names of files may differ between machines, and unreadable images show in those that are left.
  static func properties(
    classes: Int, images: DataOptions, hasTeacher: Bool
  ) -> [(name: String, value: String)] {
    let options = images.history().filter { $0.0 != "class_map" && $0.0 != "skip_bad" }
    return [
      ("number of classes", "\(classes)"), ("data options", JSON.object(options).encoded()),
      ("distillation", hasTeacher ? "with a teacher" : "none"),
    ]
  }

  /// The part of `shard`, whose features are still to be computed.
  ///
  /// - Parameters:
  ///   - recipe: properties of the features besides images and teacher.
  ///   - name: name of the data set as the result records it.
  func part(
    _ shard: Shard, of views: AugmentedDataset, recipe: FeatureRecipe, name: String, classes: Int,
    teacher: TeacherModel?, stage: FeatureStage
  ) throws -> FeaturePart {
    let dataset = views.base
    let labels = try dataset.labels()
    return FeaturePart(
      shard: shard, imageCount: dataset.count, views: views.views,
      recipe: recipe.adding([
        ("images", dataset.namesDigest), ("teacher", teacher?.summary ?? "none"),
      ]),
      recorded: .object([
        ("data", .string(name)),
        ("classes", dataset.classNames.map { JSON.array($0.map { JSON.string($0) }) } ?? .null),
      ]),
      labels: shard.items(of: dataset.count).map { labels[$0] }, classes: classes,
      teacherLogits: try teacher?.logits(
        on: views, items: views.items(of: shard), classes: classes, stage: stage))
  }

  /// The parts to merge, which belong together and are complete.
  func parts(
    _ recipe: FeatureRecipe, classes: Int, hasTeacher: Bool, stage: FeatureStage
  ) throws -> [FeaturePart] {
    let shape = try stage.shape()
    var options = OpenOptions()
    options.temporaryFolder = temporaryFolder
    // A name such as part-00001-of-00004 means nothing here.
    options.acceptsParts = true
    let parts = try merge.map { [options] path in
      try FeaturePart(
        reading: openCheckpoint(.path(path), options: options), of: recipe, like: shape,
        views: stage.caching.viewCount, classes: classes, hasTeacher: hasTeacher)
    }
    try FeaturePart.check(parts)
    return parts
  }

  /// Refuses features that were computed with another teacher, once that is known.
  func check(_ parts: [FeaturePart], _ teacher: TeacherModel?) throws {
    try parts.first?.check(FeatureRecipe([("teacher", teacher?.summary ?? "none")]))
  }
}
