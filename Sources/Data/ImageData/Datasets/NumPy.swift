import Platform

/// NumPy `.npy` files: unsigned bytes of `[n, h, w]`, `[n, h, w, 1]`, `[n, h, w, 3]`, `[n, 1, h, w]` or
/// `[n, 3, h, w]`.
///
/// The labels of `name.npy` are those of `name.labels.npy` in the same folder, whole numbers `[n]` or
/// `[n, 1]`, if that is there.
enum NumPy {
  static func open(_ path: String) throws(ImageDataError) -> PixelArrayDataset {
    let images = try NumPyArray(RandomAccessBytes(path: path))
    let geometry = try images.imageGeometry()
    let base = path.dropping(suffix: ".npy") ?? path
    let labelPath = base + ".labels.npy"
    var labels: [Int]?
    if (try? FileKind(path: labelPath)) == .file {
      labels = try NumPyArray(RandomAccessBytes(path: labelPath)).labels(count: geometry.count)
    }
    return PixelArrayDataset(images.bytes, geometry, labels: labels, from: .file([labelPath]))
  }
}

/// An array in NumPy's format, a file of its own or inside another.
struct NumPyArray {
  /// Name in errors.
  let name: String
  let bytes: RandomAccessBytes
  /// Element type as NumPy writes it, such as `|u1` or `<i8`.
  let type: String
  let shape: [Int]
  /// First byte of the first element.
  private let start: Int
  private let end: Int

  /// Reads format versions 1 to 3, C order only.
  /// - Parameters:
  ///   - range: Where the array lies in `bytes`; nil for all of them.
  ///   - name: Name in errors, nil for that of `bytes`.
  init(_ bytes: RandomAccessBytes, in range: Range<Int>? = nil, name: String? = nil) throws(ImageDataError) {
    let range = range ?? 0..<bytes.count
    let path = name ?? bytes.path
    func bad(_ reason: String) -> ImageDataError { .badDataset(path: path, reason: reason) }
    let mark = try bytes.read(at: range.lowerBound, count: min(12, range.count))
    guard mark.count == 12, mark[0..<6].elementsEqual([0x93] + Array("NUMPY".utf8)) else {
      throw bad("expected a NumPy array")
    }
    let isLong = mark[6] >= 2
    let length = mark[8..<(isLong ? 12 : 10)].reversed().reduce(0) { $0 << 8 | Int($1) }
    let offset = isLong ? 12 : 10
    guard (1...3).contains(mark[6]), length <= 1 << 16, length <= range.count - offset else {
      throw bad("bad NumPy header")
    }
    let text = display(try bytes.read(at: range.lowerBound + offset, count: length))
    // The header is a Python dictionary that NumPy always writes in the same way.
    let pattern = /\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \}\s*/
    guard let match = text.wholeMatch(of: pattern) else { throw bad("bad NumPy header") }
    guard match.2 == "False" else { throw bad("expected an array in C order, found Fortran order") }
    let shape = match.3.split(separator: ",").map { Int($0.filter { $0 != " " }) ?? -1 }
    var product = 8
    // A size of zero would hide that the product of the others overflows.
    for size in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
      guard size >= 0, !overflow, next < 1 << 48 else { throw bad("bad shape (\(match.3))") }
      product = next
    }
    self.name = path
    self.bytes = bytes
    self.shape = shape
    type = String(match.1)
    start = range.lowerBound + offset + length
    end = range.upperBound
  }

  /// Where the images lie, if these are images.
  /// - Throws: `badDataset` for another type or shape or size of the data, `emptyDataset`.
  func imageGeometry() throws(ImageDataError) -> PixelArrayDataset.Geometry {
    guard type == "|u1", let geometry = PixelArrayDataset.Geometry(shape: shape, start: start) else {
      throw .badDataset(
        path: name,
        reason: "expected unsigned bytes of \(PixelArrayDataset.Geometry.shapes), found \(type) \(shape)")
    }
    guard geometry.count > 0, geometry.imageSize > 0 else {
      throw .emptyDataset(path: name, found: "shape \(shape)")
    }
    try checkSize(elementSize: 1)
    return geometry
  }

  /// The array as labels of `count` images.
  func labels(count: Int) throws(ImageDataError) -> [Int] {
    let sizes = ["|u1": 1, "|i1": 1, "<u2": 2, "<i2": 2, "<u4": 4, "<i4": 4, "<u8": 8, "<i8": 8]
    guard let size = sizes[type], shape == [count] || shape == [count, 1] else {
      throw .badDataset(path: name, reason: "expected \(count) whole numbers, found \(type) \(shape)")
    }
    try checkSize(elementSize: size)
    let stored = try bytes.read(at: start, count: count * size)
    var labels: [Int] = []
    for index in 0..<count {
      let value = stored[(index * size)..<((index + 1) * size)].reversed().reduce(UInt64(0)) {
        $0 << 8 | UInt64($1)
      }
      // Negative numbers of any width are large here and fail as well.
      guard value < UInt64(maximumClassCount),
        type.dropFirst().first != "i" || value >> (size * 8 - 1) == 0
      else { throw .badDataset(path: name, reason: "expected a label at [\(index)], found \(value)") }
      labels.append(Int(value))
    }
    return labels
  }

  private func checkSize(elementSize: Int) throws(ImageDataError) {
    let (found, expected) = (end - start, shape.reduce(elementSize, *))
    guard found == expected else {
      throw .badDataset(
        path: name, reason: "shape \(shape): expected \(expected) bytes of data, found \(found)")
    }
  }
}
