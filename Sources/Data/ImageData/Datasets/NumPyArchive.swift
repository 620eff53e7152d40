import Checkpoint
import Platform

/// NumPy `.npz` archives of image arrays and their labels, as MedMNIST and Keras publish them.
///
/// The images are the array `images`, the labels `labels`; or `x` and `y`. Where an archive has several
/// parts, the argument names one after a colon: of `pathmnist.npz:test` the arrays are `test_images` and
/// `test_labels`, or `x_test` and `y_test`.
enum NumPyArchive {
  /// True if a zip archive that begins with `start` begins with an array.
  static func isArchive(_ start: [UInt8]) -> Bool {
    guard start.starts(with: Array("PK\u{3}\u{4}".utf8)), start.count > 30 else { return false }
    let length = Int(start[26]) | Int(start[27]) << 8
    return length > 4 && start.dropFirst(30).prefix(length).suffix(4).elementsEqual(".npy".utf8)
  }

  /// Path and part in an argument such as `name.npz:test`; nil for any other.
  static func part(in argument: String) -> (path: String, part: String)? {
    guard let range = argument.ranges(of: ".npz:").last, range.upperBound < argument.endIndex else {
      return nil
    }
    let part = argument[range.upperBound...]
    return part.contains("/") ? nil : (argument[..<range.lowerBound] + ".npz", String(part))
  }

  /// - Parameter part: The part that was asked for; nil where the archive has but one.
  static func open(_ path: String, part: String?) throws(ImageDataError) -> PixelArrayDataset {
    try TensorFile.wrapped(path) {
      let file = try RandomAccessBytes(path: path)
      let archive = try ZipRecords(path: path)
      let names = archive.names.compactMap { $0.dropping(suffix: ".npy") }.sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
      let (imageName, labelName) = try arrays(named: names, part: part, path: path)
      let images = try array(imageName, of: archive, in: file)
      let geometry = try images.imageGeometry()
      var labels: [Int]?
      if names.contains(labelName) {
        labels = try array(labelName, of: archive, in: file).labels(count: geometry.count)
      }
      return PixelArrayDataset(
        images.bytes, geometry, labels: labels, from: .tensor(labelName),
        name: part.map { "\(path):\($0)" } ?? path)
    }
  }

  private static func arrays(
    named names: [String], part: String?, path: String
  ) throws(ImageDataError) -> (images: String, labels: String) {
    let all = ImageDataError.list(names)
    if let part {
      for pair in [("\(part)_images", "\(part)_labels"), ("x_\(part)", "y_\(part)")]
      where names.contains(pair.0) {
        return pair
      }
      throw .badDataset(
        path: path, reason: "no array \"\(part)_images\" or \"x_\(part)\" among the arrays \(all)")
    }
    for pair in [("images", "labels"), ("x", "y")] where names.contains(pair.0) { return pair }
    let parts = names.compactMap { name in
      name.dropping(suffix: "_images") ?? name.dropping(prefix: "x_")
    }
    guard let only = parts.first else {
      throw .badDataset(path: path, reason: "no array \"images\" among the arrays \(all)")
    }
    guard parts.count == 1 else {
      throw .badDataset(
        path: path,
        reason: "the archive has the parts \(ImageDataError.list(parts)); name one, as in \(path):\(only)")
    }
    return try arrays(named: names, part: only, path: path)
  }

  private static func array(
    _ name: String, of archive: ZipRecords, in file: RandomAccessBytes
  ) throws -> NumPyArray {
    let label = "\(file.path):\(name)"
    let record = "\(name).npy"
    // Plain records stay in the file; compressed ones can only be read from their start.
    if let range = archive.plainRange(of: record) { return try NumPyArray(file, in: range, name: label) }
    // Deflate packs at most 1032 bytes into one; what the directory claims beyond that is refused with the record.
    let bytes = try archive.contents(of: record, limit: maximumDecompressedSize)
    return try NumPyArray(RandomAccessBytes(bytes, path: label))
  }

  private static let maximumDecompressedSize = 1 << 32
}
