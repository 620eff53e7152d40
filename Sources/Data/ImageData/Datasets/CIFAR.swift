/// CIFAR-10 and CIFAR-100 in their binary versions: records of labels and 32 x 32 planar pixels.
///
/// Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009); the file layout is that of
/// https://www.cs.toronto.edu/~kriz/cifar.html. CIFAR-100's fine labels are taken.
enum CIFAR {
  private static let imageSize = 3072

  static func open(_ bytes: RandomAccessBytes) throws(ImageDataError) -> PixelArrayDataset {
    // Nothing in the file says which of the two it is; sizes that fit both are told apart by the labels.
    for (labelBytes, bounds) in [(1, [10]), (2, [20, 100])] {
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
      return PixelArrayDataset(bytes, geometry, labels: labels)
    }
    throw .badDataset(
      path: bytes.path,
      reason: "expected CIFAR-10 records of 3073 bytes or CIFAR-100 records of 3074 bytes with their labels, "
        + "found \(bytes.count) bytes that are neither")
  }
}
