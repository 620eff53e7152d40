import Checkpoint
import Platform

/// The features of one share of a data set, which any process can compute and the one that trains joins.
///
/// Shares are of images, of which a part holds all views, the labels and a teacher's logits. Features are those of one
/// process to the last bit, because the frozen layers treat every image by itself and the views of an image depend on its
/// number in the whole data set.
///
/// ```swift
/// let part = FeaturePart(
///   shard: shard, imageCount: dataset.count, recipe: recipe, labels: labels, classes: 10)
/// let maps = FeatureMaps(shape, storage: try part.reserve(shape, at: "part-0.safetensors"))
/// try part.save(maps, at: "part-0.safetensors")
/// ```
public struct FeaturePart: Sendable {
  /// Share of the images.
  public let shard: Shard
  /// Number of images of the whole data set.
  public let imageCount: Int
  /// Views of each image.
  public let views: Int
  /// Properties that the features depend on.
  public let recipe: FeatureRecipe
  /// Properties of the data set that the result records, an object.
  public let recorded: JSON
  /// Class of each image of the share.
  public let labels: [Int]
  /// Number of classes.
  public let classes: Int
  /// A teacher's logits of all views of the share, [views, classes]; nil without a teacher.
  public let teacherLogits: [Float]?
  private let stored: Stored?

  /// Features in an open file.
  private struct Stored: Sendable {
    let source: any CheckpointSource
    let shape: FeatureShape
    let fingerprint: String
  }

  /// A part of features that are still to be computed.
  ///
  /// - Parameters:
  ///   - shard: share of the images.
  ///   - imageCount: number of images of the whole data set.
  ///   - views: views of each image.
  ///   - recipe: properties that the features depend on.
  ///   - recorded: properties of the data set that the result records, an object.
  ///   - labels: class of each image of the share.
  ///   - classes: number of classes.
  ///   - teacherLogits: a teacher's logits of all views of the share, [views, classes].
  public init(
    shard: Shard, imageCount: Int, views: Int = 1, recipe: FeatureRecipe, recorded: JSON = .object([]),
    labels: [Int], classes: Int, teacherLogits: [Float]? = nil
  ) {
    precondition(labels.count == shard.itemCount(of: imageCount), "one label per image")
    precondition(teacherLogits.map { $0.count == labels.count * views * classes } ?? true)
    self.shard = shard
    self.imageCount = imageCount
    self.views = views
    self.recipe = recipe
    self.recorded = recorded
    self.labels = labels
    self.classes = classes
    self.teacherLogits = teacherLogits
    stored = nil
  }
}

extension FeaturePart {
  /// Storage for the share's features, in the file at `path`, which gets its name from `save`.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func reserve(_ shape: FeatureShape, at path: String) throws -> FeatureStorage {
    try file(at: path).reserve(shape)
  }

  /// Completes the file of `maps`, whose storage came from `reserve`.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func save(_ maps: FeatureMaps, at path: String) throws {
    precondition(maps.shape.count == labels.count * views, "all views of the share")
    try file(at: path).save(maps)
  }

  /// Removes an unfinished file.
  public func discard(at path: String) { file(at: path).discard() }

  private func file(at path: String) -> FeatureFile {
    FeatureFile(
      path: path,
      description: [
        ("shard", JSON(shard.index)), ("shards", JSON(shard.count)), ("images", JSON(imageCount)),
        ("views", JSON(views)), ("recipe", recipe.json), ("recorded", recorded),
      ], others: others)
  }

  private var others: [(name: TensorName, value: TensorValue)] {
    var others: [(name: TensorName, value: TensorValue)] = [
      ("labels", TensorValue(i64: labels.map { Int64($0) }, shape: [labels.count]))
    ]
    if let teacherLogits {
      let shape = [labels.count * views, classes]
      others.append(("teacher", TensorValue(f32: teacherLogits, shape: shape)))
    }
    return others
  }

  /// Reads a part back, but for its features, which `joined` reads.
  ///
  /// - Parameters:
  ///   - source: the open file.
  ///   - recipe: properties that its features must have been computed with; it may state more of them.
  ///   - shape: extent of the features of one view.
  ///   - views: views of each image.
  ///   - classes: number of classes.
  ///   - hasTeacher: true if it must hold a teacher's logits.
  /// - Throws: `TuningError.badFeatures` when the file is something else, damaged, or of other features; errors of
  ///   reading.
  public init(
    reading source: any CheckpointSource, of recipe: FeatureRecipe, like shape: FeatureShape, views: Int,
    classes: Int, hasTeacher: Bool
  ) throws {
    func bad(_ problem: String) -> TuningError { .badFeatures(path: source.label, problem: problem) }
    let key = MetadataKey.features
    let file = try StateFile(source, key: key, fail: bad)
    let header = file.header
    guard header["shard"] != nil else { throw bad("holds features, but no share of a data set") }
    guard let index = header["shard"]?.intValue, let shards = header["shards"]?.intValue,
      let shard = Shard(index: index, count: shards), let images = header["images"]?.intValue,
      (1...Int(Int32.max)).contains(images), let ownViews = header["views"]?.intValue,
      let own = header["recipe"].flatMap(FeatureRecipe.init), let recorded = header["recorded"],
      recorded.objectValue != nil, let fingerprint = header["fingerprint"]?.stringValue
    else { throw bad("its \"\(key)\" is damaged") }
    if let (property, values) = own.difference(from: recipe) {
      throw bad("its features differ in \(property): \(values)")
    }
    guard ownViews == views, let found = FeatureShape(file) else { throw bad("its \"\(key)\" is damaged") }
    var expected = shape
    expected.count = found.count
    guard found == expected else {
      throw bad("expected features \(shape.extent), found \(found.extent)")
    }
    // The header only claims how many images there are; the file says how many it holds.
    let count = shard.itemCount(of: images)
    guard count.multiplied(exactlyBy: views) == found.count else {
      throw bad("expected \(views) views of \(count) images, found \(found.count)")
    }
    labels = try file.counts("labels", [count], 0...Int64(classes - 1))
    teacherLogits =
      hasTeacher ? try file.doubles("teacher", .f32, [found.count, classes]).map { Float($0) } : nil
    self.shard = shard
    self.recipe = own
    self.recorded = recorded
    self.views = views
    self.classes = classes
    imageCount = images
    stored = Stored(source: source, shape: found, fingerprint: fingerprint)
  }

  /// Refuses features that were computed with another value of a property.
  ///
  /// - Throws: `TuningError.badFeatures`.
  public func check(_ recipe: FeatureRecipe) throws {
    guard let (property, values) = self.recipe.difference(from: recipe) else { return }
    throw TuningError.badFeatures(
      path: label, problem: "its features differ in \(property): \(values)")
  }

  /// Checks that parts are of the same features and that every image is in one of them.
  ///
  /// - Parameter parts: parts that have been read, in any order.
  /// - Throws: `TuningError.badFeatures`, which names the file and the difference; `TuningError.missingParts`.
  public static func check(_ parts: [FeaturePart]) throws {
    guard let first = parts.first else { throw TuningError.empty(what: "no part") }
    let reference = escapedForDiagnostics(first.label)
    var holders: [Int: FeaturePart] = [:]
    for part in parts {
      func bad(_ problem: String) -> TuningError { .badFeatures(path: part.label, problem: problem) }
      guard part.shard.count == first.shard.count else {
        throw bad("is one of \(part.shard.count) shares, \(reference) one of \(first.shard.count)")
      }
      guard part.imageCount == first.imageCount else {
        throw bad("is of \(part.imageCount) images, \(reference) of \(first.imageCount)")
      }
      if let (property, values) = part.recipe.difference(from: first.recipe) {
        throw bad("its features differ from those of \(reference) in \(property): \(values)")
      }
      if let holder = holders.updateValue(part, forKey: part.shard.index) {
        throw bad("is shard \(part.shard) again, as \(escapedForDiagnostics(holder.label))")
      }
    }
    guard holders.count == first.shard.count else {
      // Parts claim how many there are: the first few that are missing are named.
      let missing = (0..<first.shard.count).lazy.filter { holders[$0] == nil }.prefix(16)
      throw TuningError.missingParts(Array(missing).map { "\($0)/\(first.shard.count)" })
    }
  }

  /// The features of all images in the order of the data set.
  ///
  /// - Parameters:
  ///   - parts: parts that have passed `check`.
  ///   - storage: allocates the memory.
  /// - Throws: `TuningError.badFeatures` for a damaged part; errors of reading.
  public static func joined(
    _ parts: [FeaturePart], storage: (FeatureShape) throws -> FeatureStorage
  ) throws -> LabelledFeatures {
    guard let first = parts.first, let stored = first.stored else {
      throw TuningError.empty(what: "no part")
    }
    let (images, views, classes) = (first.imageCount, first.views, first.classes)
    var shape = stored.shape
    shape.count = images * views
    let maps = FeatureMaps(shape, storage: try storage(shape))
    var labels = [Int](repeating: 0, count: images)
    var logits = first.teacherLogits == nil ? nil : [Float](repeating: 0, count: shape.count * classes)
    for part in parts {
      try part.copyFeatures(into: maps)
      for (place, image) in part.shard.items(of: images).enumerated() {
        labels[image] = part.labels[place]
        guard let own = part.teacherLogits else { continue }
        let length = views * classes
        logits?.replaceSubrange(
          image * length..<(image + 1) * length, with: own[place * length..<(place + 1) * length])
      }
    }
    return LabelledFeatures(features: maps, views: views, labels: labels, teacherLogits: logits)
  }

  /// Reads the features of the share to their places among those of all images.
  private func copyFeatures(into maps: FeatureMaps) throws {
    guard let stored else { preconditionFailure("a part that was not read") }
    func bad(_ problem: String) -> TuningError { .badFeatures(path: label, problem: problem) }
    let readers = stored.shape.tensors.map { stored.source.reader(of: $0.name) }
    var hash = ContentHash()
    for (place, image) in shard.items(of: imageCount).enumerated() {
      for view in 0..<views {
        let row = image * views + view
        for (read, section) in zip(readers, maps.sections(of: row)) {
          try read((place * views + view) * section.count, section)
          hash.add(UnsafeRawBufferPointer(section))
        }
        // The moments in the file are not believed.
        guard maps.restoreMoments(of: row) else { throw bad("a feature of image \(image) is no number") }
      }
    }
    file(at: label).add(to: &hash)
    guard hash.hexadecimal == stored.fingerprint else {
      throw bad("is damaged: its data have not the fingerprint \(escapedForDiagnostics(stored.fingerprint))")
    }
  }

  private var label: String { stored?.source.label ?? "" }
}

extension FeatureShape {
  /// Extent of the features of one view, in words.
  fileprivate var extent: String {
    "\(element.rawValue) [\(positions), \(channels)]\(hasResidual ? " and a residual" : "")"
  }
}
