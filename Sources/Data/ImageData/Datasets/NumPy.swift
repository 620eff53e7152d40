/// NumPy `.npy` files: unsigned bytes of `[n, h, w]`, `[n, h, w, 1]`, `[n, h, w, 3]`, `[n, 1, h, w]` or `[n,
/// 3, h, w]`.
///
/// The labels of `name.npy` are those of `name.labels.npy` beside it, whole numbers `[n]`, if that is there.
enum NumPy {
  private struct Header {
    let type: String
    let shape: [Int]
    let dataOffset: Int
  }

  static func open(_ path: String) throws(ImageDataError) -> PixelArrayDataset {
    let bytes = try RandomAccessBytes(path: path)
    let header = try header(of: bytes)
    let pixels = PixelArrayDataset.Geometry(shape: header.shape, start: header.dataOffset)
    guard header.type == "|u1", let geometry = pixels else {
      throw .badDataset(
        path: path,
        reason: "expected unsigned bytes of \(PixelArrayDataset.Geometry.shapes), "
          + "found \(header.type) \(header.shape)")
    }
    guard geometry.count > 0, geometry.imageSize > 0 else {
      throw .emptyDataset(path: path, found: "shape \(header.shape)")
    }
    try check(bytes, header, elementSize: 1)
    return PixelArrayDataset(bytes, geometry, labels: try labels(beside: path, count: geometry.count))
  }

  private static func labels(beside path: String, count: Int) throws(ImageDataError) -> [Int]? {
    let base = path.hasSuffix(".npy") ? String(path.dropLast(4)) : path
    let labelPath = base + ".labels.npy"
    guard (try? FileKind(path: labelPath)) == .file else { return nil }
    let bytes = try RandomAccessBytes(path: labelPath)
    let header = try header(of: bytes)
    let sizes = ["|u1": 1, "|i1": 1, "<u2": 2, "<i2": 2, "<u4": 4, "<i4": 4, "<u8": 8, "<i8": 8]
    guard let size = sizes[header.type], header.shape == [count] else {
      throw .badDataset(
        path: labelPath, reason: "expected \(count) whole numbers, found \(header.type) \(header.shape)")
    }
    try check(bytes, header, elementSize: size)
    let stored = try bytes.read(at: header.dataOffset, count: count * size)
    var labels: [Int] = []
    for index in 0..<count {
      let value = stored[(index * size)..<((index + 1) * size)].reversed().reduce(UInt64(0)) {
        $0 << 8 | UInt64($1)
      }
      // Negative numbers of any width are large here and fail as well.
      guard value < UInt64(maximumClassCount),
        header.type.dropFirst().first != "i" || value >> (size * 8 - 1) == 0
      else { throw .badDataset(path: labelPath, reason: "expected a label at [\(index)], found \(value)") }
      labels.append(Int(value))
    }
    return labels
  }

  private static func check(
    _ bytes: RandomAccessBytes, _ header: Header, elementSize: Int
  ) throws(ImageDataError) {
    let expected = header.dataOffset + header.shape.reduce(elementSize, *)
    guard bytes.count == expected else {
      throw .badDataset(
        path: bytes.path, reason: "shape \(header.shape): expected \(expected) bytes, found \(bytes.count)")
    }
  }

  /// Reads format versions 1 to 3, C order only.
  private static func header(of bytes: RandomAccessBytes) throws(ImageDataError) -> Header {
    func bad(_ reason: String) -> ImageDataError { .badDataset(path: bytes.path, reason: reason) }
    let start = try bytes.read(at: 0, count: min(12, bytes.count))
    guard start.count == 12, start[0..<6].elementsEqual([0x93] + Array("NUMPY".utf8)) else {
      throw bad("expected a NumPy array")
    }
    let isLong = start[6] >= 2
    let length = start[8..<(isLong ? 12 : 10)].reversed().reduce(0) { $0 << 8 | Int($1) }
    let offset = isLong ? 12 : 10
    guard (1...3).contains(start[6]), length <= 1 << 16, length <= bytes.count - offset else {
      throw bad("bad NumPy header")
    }
    let text = display(try bytes.read(at: offset, count: length))
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
    return Header(type: String(match.1), shape: shape, dataOffset: offset + length)
  }
}
