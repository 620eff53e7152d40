import Checkpoint
import ImageData
import Platform

/// The inputs of a network's classifier for the images of a data set, in a file: all that training the classifier alone
/// needs.
///
/// The file has a tensor `features`, F32 [images, inputs], and `labels`, I64 [images]; its metadata record how the images
/// were preprocessed and, as a JSON object, which checkpoint saw them and how.
///
/// ```swift
/// let wanted = ClassifierInputs.Origin(
///   checkpoint: try contentDigest(of: checkpoint), preprocessing: preprocessing, classes: 10)
/// let inputs = try ClassifierInputs(
///   reading: openCheckpoint(.path("features.safetensors")), channels: 512, of: wanted)
/// let train = try inputs.features { try .memory(byteCount: $0.byteCount) }
/// ```
public struct ClassifierInputs: Sendable {
  /// Properties that the features must have been computed with.
  public struct Origin: Sendable {
    let checkpoint: String
    let preprocessing: Preprocessing
    let classes: Int

    /// - Parameters:
    ///   - checkpoint: digest of the checkpoint's tensors.
    ///   - preprocessing: steps from an image to the network's input.
    ///   - classes: number of classes that the labels are of.
    public init(checkpoint: String, preprocessing: Preprocessing, classes: Int) {
      self.checkpoint = checkpoint
      self.preprocessing = preprocessing
      self.classes = classes
    }
  }

  /// Class of each image.
  public let labels: [Int]
  /// Names of the classes, if the file has them.
  public let classNames: [String]?
  /// True if the file says which checkpoint it is of.
  public let recordsCheckpoint: Bool
  private let source: any CheckpointSource
  private let channels: Int

  /// Reads everything but the features, which `features(as:storage:)` reads.
  ///
  /// - Parameters:
  ///   - source: the open file.
  ///   - channels: inputs of the classifier.
  ///   - wanted: properties that the features must have been computed with.
  /// - Throws: `TuningError.badFeatures`, which says what is different; errors of reading.
  public init(reading source: any CheckpointSource, channels: Int, of wanted: Origin) throws {
    func bad(_ problem: String) -> TuningError { .badFeatures(path: source.label, problem: problem) }
    let key = MetadataKey.features
    let header = try source.metadata[key].map { _ in try StateFile(source, key: key, fail: bad).header }
    if let header { try Self.check(header, wanted, bad) }
    guard let spec = source.spec("features"), spec.dtype == .f32, spec.shape.count == 2,
      spec.shape[0] > 0, spec.shape[1] == channels
    else {
      let found = source.spec("features")?.layout ?? "none"
      throw bad("tensor \"features\": expected F32 [images, \(channels)], found \(found)")
    }
    let count = spec.shape[0]
    guard let labelled = source.spec("labels"), labelled.dtype == .i64, labelled.shape == [count] else {
      let found = source.spec("labels")?.layout ?? "none"
      throw bad("tensor \"labels\": expected I64 [\(count)], found \(found)")
    }
    let labels = try source.value("labels").int64s
    if let wrong = labels.firstIndex(where: { !(0..<Int64(wanted.classes)).contains($0) }) {
      throw bad(
        "image \(wrong): expected a label from 0 to \(wanted.classes - 1), found \(labels[wrong])")
    }
    try Self.checkPreprocessing(of: source, wanted.preprocessing, bad)
    self.labels = labels.map { Int($0) }
    self.source = source
    self.channels = channels
    recordsCheckpoint = header != nil
    let names = source.metadata[MetadataKey.classes].flatMap { try? JSON.parse(Array($0.utf8)) }
    let texts = names?.arrayValue?.compactMap(\.stringValue)
    classNames = texts?.count == wanted.classes ? texts : nil
  }

  private static func check(
    _ header: JSON, _ wanted: Origin, _ bad: (String) -> TuningError
  ) throws {
    guard header["shard"] == nil else {
      throw bad("holds the features of one share of a data set, which all parts together make")
    }
    guard let checkpoint = header["model"]?.stringValue, let classes = header["classes"]?.intValue,
      let views = header["views"]?.stringValue, let statistics = header["batchnorm"]?.stringValue
    else { throw bad("its \"\(MetadataKey.features)\" is damaged") }
    guard TensorName(checkpoint) == TensorName(wanted.checkpoint) else {
      throw bad(
        "has features of another checkpoint: expected \(wanted.checkpoint), found \(escapedForDiagnostics(checkpoint))"
      )
    }
    guard statistics == "stored" else {
      throw bad("has features by other BatchNorm statistics than the checkpoint's")
    }
    guard views == "center" else {
      throw bad("has the mean features of several crops, expected those of the center crop")
    }
    guard classes == wanted.classes else {
      throw bad("has labels of \(classes) classes, expected \(wanted.classes)")
    }
  }

  private static func checkPreprocessing(
    of source: any CheckpointSource, _ wanted: Preprocessing, _ bad: (String) -> TuningError
  ) throws {
    let metadata = source.metadata
    guard let found = try Preprocessing(metadata: { metadata[$0] }, source: source.label) else {
      throw bad("does not record how its images were preprocessed")
    }
    let (own, expected) = (found.metadataEntries, wanted.metadataEntries)
    for key in Set(own.keys).union(expected.keys).sorted() where own[key] != expected[key] {
      throw bad(
        "has features of other images: expected \(key) \(expected[key] ?? "none"), found \(own[key] ?? "none")"
      )
    }
  }

  /// Reads the features: maps of one position.
  ///
  /// - Parameters:
  ///   - element: storage format.
  ///   - storage: allocates the memory.
  /// - Throws: `TuningError.badFeatures` for a number that is not finite, `.featureOverflow` for one that the format
  ///   cannot hold; errors of reading.
  public func features(
    as element: FeatureElement = .f32, storage: (FeatureShape) throws -> FeatureStorage
  ) throws -> LabelledFeatures {
    let shape = FeatureShape(
      count: labels.count, positions: 1, channels: channels, hasResidual: false, element: element)
    let maps = FeatureMaps(shape, storage: try storage(shape))
    let read = source.reader(of: "features")
    var row = [Float](repeating: 0, count: channels)
    for image in labels.indices {
      try row.withUnsafeMutableBytes { try read(image * $0.count, $0) }
      if let wrong = row.firstIndex(where: { !$0.isFinite }) {
        throw TuningError.badFeatures(
          path: source.label, problem: "feature \(wrong) of image \(image) is \(row[wrong])")
      }
      try maps.store(image, map: row, residual: nil)
    }
    return LabelledFeatures(features: maps, labels: labels)
  }
}
