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
