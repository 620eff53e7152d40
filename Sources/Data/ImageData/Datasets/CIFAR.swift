import Checkpoint
import Platform

/// CIFAR-10 and CIFAR-100 in their binary versions: records of labels and 32 x 32 planar pixels.
///
/// Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009); the file layout is that of
/// https://www.cs.toronto.edu/~kriz/cifar.html. CIFAR-100's fine labels are taken.
enum CIFAR {
  private static let imageSize = 3072

  static func open(_ bytes: RandomAccessBytes) throws(ImageDataError) -> PixelArrayDataset {
    // Nothing in the file says which of the two it is; sizes that fit both are told apart by the labels.
    for (labelBytes, bounds, namesFile) in [
      (1, [10], "batches.meta.txt"), (2, [20, 100], "fine_label_names.txt"),
    ] {
      let stride = labelBytes + imageSize
      guard bytes.count > 0, bytes.count.isMultiple(of: stride) else { continue }
      let count = bytes.count / stride
      var labels: [Int] = []
      for index in 0..<count {
        let stored = try bytes.read(at: index * stride, count: labelBytes)
        guard zip(stored, bounds).allSatisfy({ $0 < $1 }) else { break }
        labels.append(Int(stored[labelBytes - 1]))
      }
      guard labels.count == count else { continue }
      let geometry = PixelArrayDataset.Geometry(
        width: 32, height: 32, layout: .planar, count: count, start: labelBytes, stride: stride)
      return PixelArrayDataset(
        bytes, geometry, labels: labels, from: .other,
        classNames: names(in: siblingPath(bytes.path, namesFile), count: bounds.last!))
    }
    throw .badDataset(
      path: bytes.path,
      reason: "expected CIFAR-10 records of 3073 bytes or CIFAR-100 records of 3074 bytes with their labels, "
        + "found \(bytes.count) bytes that are neither")
  }

  /// The lines of the file of class names that comes with the data, if it is there and has `count` of them.
  private static func names(in path: String, count: Int) -> [String]? {
    guard let bytes = try? readFile(Array(path.utf8)) else { return nil }
    let names = bytes.split(separator: UInt8(ascii: "\n")).map { display(trimming($0)) }.filter {
      !$0.isEmpty
    }
    return names.count == count ? names : nil
  }
}

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
