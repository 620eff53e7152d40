import ArgumentParser
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import Platform

/// Labels and measures beyond those of the data set's own classes.
struct ScoringOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Outputs that the classes of the data set stand for, one index per line, as for ImageNet-A and ImageNet-R.",
      valueName: "file"),
    completion: .file())
  var validLabels: String?

  @Option(
    help: ArgumentHelp(
      "Reassessed labels of ImageNet's validation images (ReaL): JSON with a list of classes per image.",
      valueName: "file"),
    completion: .file())
  var realLabels: String?

  @Flag(
    help:
      "Fit a temperature for the chosen setting's logits, and measure its effect on images that did not fit it."
  )
  var calibrate = false

  @Option(
    help: ArgumentHelp(
      "File for the logits of the chosen setting, [images, classes], as a NumPy array or a tensor.",
      valueName: "file.npy|file.safetensors"),
    completion: .file())
  var logits: String?

  @Option(
    help: ArgumentHelp(
      "File for the classifier's inputs under the chosen setting, [images, features], as a NumPy array or as a tensor with labels and names.",
      valueName: "file.npy|file.safetensors"),
    completion: .file())
  var features: String?

  func validate() throws {
    for case (let option, let path?) in [("--logits", logits), ("--features", features)]
    where !path.ends(in: ".npy") && !path.ends(in: ".safetensors") {
      throw ValidationError("\(option) takes a file name that ends in .npy or .safetensors")
    }
  }

  /// True if any of these options was given.
  var isGiven: Bool { validLabels != nil || realLabels != nil || needsLogits || features != nil }

  /// True if the logits of all images are wanted.
  var needsLogits: Bool { calibrate || logits != nil }

  /// The outputs in use; nil for all.
  func subset(for models: [LoadedModel]) throws -> ClassSubset? {
    try validLabels.map { try ClassSubset(path: $0, classCount: models[0].network.classCount) }
  }

  /// The classes that each image of `dataset` shows by the reassessed labels, as numbers of the classes measured; nil
  /// without such labels.
  func realClasses(of dataset: any ImageDataset, subset: ClassSubset?) throws -> [Set<Int>?]? {
    guard let path = realLabels else { return nil }
    let real = try RealLabels(path: path)
    let places = subset.map { subset in
      Dictionary(uniqueKeysWithValues: subset.outputs.enumerated().map { ($1, $0) })
    }
    return try (0..<dataset.count).map { image in
      let classes = try real.classes(of: dataset.itemName(image))
      guard let places else { return classes }
      return classes.map { Set($0.compactMap { places[$0] }) }
    }
  }

  /// Settings that the measurements depend on.
  func history(_ subset: ClassSubset?) -> [(String, JSON)] {
    guard let subset else { return [] }
    let checksum = subset.outputs.map { Int64($0).littleEndian }.withUnsafeBytes { crc32($0) }
    return [("valid_labels", .string("\(subset.outputs.count) classes, crc32:\(hexadecimal(checksum))"))]
  }

  /// Writes the logits where asked for.
  func write(_ table: LogitTable) throws {
    guard let logits else { return }
    try write("logits", table.values, columns: table.classCount, to: logits)
  }

  /// Writes the features where asked for; a tensor file has the labels and the names of the images, too.
  ///
  /// - Parameter setting: the setting that they are of, recorded in a tensor file.
  func write(_ table: FeatureTable, of dataset: any ImageDataset, setting: Setting) throws {
    guard let features else { return }
    // Names end in a zero byte, which no path contains.
    var names: [UInt8] = []
    for image in 0..<table.count { names += Array(dataset.itemName(image).utf8) + [0] }
    var metadata = Metadata()
    for (key, value) in setting.preprocessing.metadataEntries { metadata[key] = value }
    try write(
      "features", table.values, columns: table.featureCount,
      with: [
        "labels": TensorValue(i64: table.labels.map { Int64($0) }, shape: [table.count]),
        "names": TensorValue(dtype: .u8, shape: [names.count], bytes: names),
      ], metadata: metadata, to: features)
  }

  /// Writes a matrix with a row for every image: as a NumPy array, or as a tensor with others.
  private func write(
    _ name: TensorName, _ values: [Float], columns: Int, with others: [TensorName: TensorValue] = [:],
    metadata: Metadata = Metadata(), to path: String
  ) throws {
    let shape = [values.count / max(columns, 1), columns]
    if path.ends(in: ".npy") {
      try writeFile(Predictions.array("<f4", shape) { values.map(\.bitPattern.littleEndian) }, to: path)
      return
    }
    var tensors = others
    tensors[name] = TensorValue(f32: values, shape: shape)
    try writeCheckpoint(tensors, metadata: metadata, to: .path(path))
  }
}

extension ClassSubset {
  /// The names of the outputs in use, of all outputs' names.
  func names(_ all: ClassNames) -> ClassNames {
    guard let largest = outputs.max(), largest < all.names.count else { return all }
    return ClassNames(outputs.map { all.names[$0] }, owner: all.owner)
  }
}
