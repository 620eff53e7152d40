import Checkpoint
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

/// The numbers of a NumPy file that holds a matrix, in row-major order; float64 is rounded to float32.
/// - Throws: Errors of reading; `badDataset` for another file.
public func readNumPyMatrix(
  _ path: String
) throws(ImageDataError) -> (rows: Int, columns: Int, values: [Float]) {
  try NumPyArray(RandomAccessBytes(path: path)).matrix()
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

  /// Bytes of an element of the types that bands have, and the value of full intensity.
  private static let bandTypes: [String: (size: Int, scale: Float)] = [
    "|u1": (1, 255), "<u2": (2, 65535), "<f4": (4, 1),
  ]

  /// Checks that this may be an image of bands.
  /// - Throws: `badDataset`.
  func checkBands() throws(ImageDataError) {
    guard let type = Self.bandTypes[type], shape.count == 2 || shape.count == 3,
      shape.allSatisfy({ $0 > 0 })
    else {
      throw .badDataset(
        path: name,
        reason: "expected uint8, uint16 or float32 of [h, w], [h, w, channels] or [channels, h, w], "
          + "found \(self.type) \(shape)")
    }
    try checkSize(elementSize: type.size)
  }

  /// The array as one image.
  ///
  /// - Parameter channels: Number of channels, which shows whether they come first or last.
  /// - Throws: `badDataset`, `channelMismatch`, `imageTooLarge`.
  func bands(channels: Int, maximumPixelCount: Int) throws(ImageDataError) -> BandImage {
    try checkBands()
    let (size, scale) = Self.bandTypes[type]!
    let isFirst = shape.count == 3 && shape[0] == channels
    let isLast = shape.count == 3 && shape[2] == channels
    guard shape.count == 3 ? isFirst || isLast : channels == 1 else {
      throw .channelMismatch(
        item: name, expected: channels, found: shape.count == 2 ? 1 : min(shape[0], shape[2]))
    }
    guard !(isFirst && isLast) || shape[0] == 1 else {
      throw .badDataset(
        path: name, reason: "the first and the last axis of \(shape) may both be the \(channels) channels")
    }
    let (height, width) = isFirst ? (shape[1], shape[2]) : (shape[0], shape[1])
    guard width <= maximumPixelCount / height else {
      throw .imageTooLarge(item: name, width: width, height: height, limit: maximumPixelCount)
    }
    let stored = try numbers(elementSize: size)
    let plane = height * width
    let values: [Float] = (0..<plane * channels).map { index in
      stored[isFirst ? index % channels * plane + index / channels : index] / scale
    }
    return BandImage(width: width, height: height, channels: channels, values: values)
  }

  /// The array as a matrix of floating-point numbers, in row-major order.
  /// - Throws: `badDataset` for another type or number of sizes, or a file of another size.
  func matrix() throws(ImageDataError) -> (rows: Int, columns: Int, values: [Float]) {
    let sizes = ["<f4": 4, "<f8": 8]
    guard let size = sizes[type], shape.count == 2 else {
      throw .badDataset(
        path: name, reason: "expected a matrix of float32 or float64, found \(type) \(shape)")
    }
    try checkSize(elementSize: size)
    return (shape[0], shape[1], try numbers(elementSize: size))
  }

  /// All elements of an array of `|u1`, `<u2`, `<f4` or `<f8`, whose size has been checked; float64 is rounded to float32.
  private func numbers(elementSize: Int) throws(ImageDataError) -> [Float] {
    let count = shape.reduce(1, *)
    let isFloat = type.dropFirst().first == "f"
    return try bytes.read(at: start, count: count * elementSize).withUnsafeBytes { raw in
      func element<Bits: FixedWidthInteger>(_ index: Int, as bits: Bits.Type) -> Bits {
        Bits(littleEndian: raw.loadUnaligned(fromByteOffset: index * elementSize, as: bits))
      }
      return (0..<count).map { index in
        switch (elementSize, isFloat) {
        case (8, true): Float(Double(bitPattern: element(index, as: UInt64.self)))
        case (4, true): Float(bitPattern: element(index, as: UInt32.self))
        case (2, false): Float(element(index, as: UInt16.self))
        default: Float(raw[index])
        }
      }
    }
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
