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

  func validate() throws {
    if let logits, !logits.ends(in: ".npy"), !logits.ends(in: ".safetensors") {
      throw ValidationError("--logits takes a file name that ends in .npy or .safetensors")
    }
  }

  /// True if any of these options was given.
  var isGiven: Bool { validLabels != nil || realLabels != nil || needsLogits }

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
    guard let path = logits else { return }
    let shape = [table.count, table.classCount]
    if path.ends(in: ".npy") {
      try writeFile(Predictions.array("<f4", shape) { table.values.map(\.bitPattern.littleEndian) }, to: path)
    } else {
      try writeCheckpoint(
        ["logits": TensorValue(f32: table.values, shape: shape)], metadata: Metadata(), to: .path(path))
    }
  }
}

extension ClassSubset {
  /// The names of the outputs in use, of all outputs' names.
  func names(_ all: ClassNames) -> ClassNames {
    guard let largest = outputs.max(), largest < all.names.count else { return all }
    return ClassNames(outputs.map { all.names[$0] }, owner: all.owner)
  }
}
