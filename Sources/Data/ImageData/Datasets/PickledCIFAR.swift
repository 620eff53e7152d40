import Checkpoint
import Platform

/// CIFAR-10 and CIFAR-100 in their Python versions: pickled dictionaries of `data`, bytes `[n, 3072]`, and `labels` or
/// `fine_labels`. Nothing in a pickle is executed.
///
/// The names of the classes are those of `batches.meta` or `meta` in the same folder, if that is there.
/// Source: https://www.cs.toronto.edu/~kriz/cifar.html.
enum PickledCIFAR {
  /// True if a file that begins with `start` is a pickle, but not one of PyTorch's, which begin with a long
  /// number.
  static func isPickle(_ start: [UInt8]) -> Bool {
    start.count > 2 && start[0] == 0x80 && (2...5).contains(start[1]) && start[2] != 0x8a
  }

  static func open(_ path: String) throws(ImageDataError) -> PixelArrayDataset {
    let dictionary = try pickle(path)
    guard let data = dictionary.array("data") else {
      throw .badDataset(
        path: path,
        reason: "a pickle without an array \"data\" as CIFAR's have; its keys are "
          + ImageDataError.list(dictionary.keys))
    }
    guard data.type == "|u1", data.shape.count == 2, data.shape[1] == 3072, data.shape[0] > 0 else {
      throw .badDataset(
        path: path, reason: "\"data\": expected unsigned bytes [n, 3072], found \(data.type) \(data.shape)")
    }
    let (key, namesFile, namesKey) =
      dictionary.keys.contains("fine_labels")
      ? ("fine_labels", "meta", "fine_label_names") : ("labels", "batches.meta", "label_names")
    let labels = dictionary.integers(key)
    if let labels {
      guard labels.count == data.shape[0] else {
        throw .badDataset(
          path: path, reason: "\"\(key)\": expected \(data.shape[0]) labels, found \(labels.count)")
      }
      if let wrong = labels.firstIndex(where: { !(0..<maximumClassCount ~= $0) }) {
        throw .badDataset(
          path: path, reason: "\"\(key)\": expected a label at [\(wrong)], found \(labels[wrong])")
      }
    }
    var names = (try? pickle(siblingPath(path, namesFile)))?.texts(namesKey)
    if let count = names?.count, labels?.contains(where: { $0 >= count }) ?? true { names = nil }
    let geometry = PixelArrayDataset.Geometry(
      width: 32, height: 32, layout: .planar, count: data.shape[0], start: 0, stride: 3072)
    return PixelArrayDataset(
      RandomAccessBytes(data.bytes, path: path), geometry, labels: labels, from: .tensor(key),
      classNames: names)
  }

  private static func pickle(_ path: String) throws(ImageDataError) -> PickledDictionary {
    let bytes = try readFile(Array(path.utf8))
    return try TensorFile.wrapped(path) { try PickledDictionary(bytes, label: path) }
  }

  /// The files of CIFAR in the folder at `path`, of either version; nil for a folder of other things.
  /// - Throws: `badDataset` when training and test images are there: they are two data sets.
  static func files(inFolder path: String) throws(ImageDataError) -> [String]? {
    let listing = try FolderListing(path: Array(path.utf8))
    guard listing.folders.isEmpty else { return nil }
    let names = listing.files.map { display($0) }
    let pattern = /data_batch_[0-9]+(\.bin)?/
    let training = names.filter { $0.wholeMatch(of: pattern) != nil }
    let test = names.filter { $0 == "test_batch" || $0 == "test_batch.bin" }
    guard let first = (training + test).first else { return nil }
    guard training.isEmpty || test.isEmpty else {
      throw .badDataset(
        path: path,
        reason:
          "training and test images: expected the name of a part, \"\(training.last!)\" or \"\(test[0])\"; "
          + "braces name several, as in data_batch_{1..5}")
    }
    let isBinary = first.ends(in: ".bin")
    guard (training + test).allSatisfy({ $0.ends(in: ".bin") == isBinary }) else { return nil }
    return (training + test).map { path.ends(in: "/") ? path + $0 : "\(path)/\($0)" }
  }
}
