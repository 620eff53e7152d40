import Platform

/// IDX files as MNIST is published in: bytes of `[n, rows, columns]` or `[n, rows, columns, 3]`, plain or
/// gzipped.
///
/// The labels of `…images-idx3-ubyte` are those of `…labels-idx1-ubyte` in the same folder, if that is there;
/// a dot may stand for the hyphen before `idx`, as in copies of MNIST.
enum IDX {
  private struct Header {
    let sizes: [Int]
    var dataOffset: Int { 4 + sizes.count * 4 }
    var count: Int { sizes.reduce(1, *) }
  }

  static func open(_ path: String) throws(ImageDataError) -> PixelArrayDataset {
    let bytes = try content(path)
    let header = try header(of: bytes, dimensions: [3, 4])
    guard header.sizes.count == 3 || header.sizes[3] == 3 else {
      throw .badDataset(path: path, reason: "expected 3 channels, found \(header.sizes[3])")
    }
    let layout: PixelArrayDataset.Layout = header.sizes.count == 3 ? .grey : .interleaved
    let size = header.sizes[1] * header.sizes[2] * layout.channels
    guard header.sizes[0] > 0, size > 0 else {
      throw .emptyDataset(path: path, found: "sizes \(header.sizes)")
    }
    let geometry = PixelArrayDataset.Geometry(
      width: header.sizes[2], height: header.sizes[1], layout: layout, count: header.sizes[0],
      start: header.dataOffset, stride: size)
    let candidates = labelPaths(nextTo: path)
    return PixelArrayDataset(
      bytes, geometry, labels: try labels(in: candidates, count: header.sizes[0]),
      from: candidates.isEmpty ? .other : .file(Array(candidates.prefix(2))))
  }

  /// Where the labels may be, the usual names first.
  private static func labelPaths(nextTo path: String) -> [String] {
    guard let range = path.ranges(of: "images").last else { return [] }
    var labelPath = path.replacingCharacters(in: range, with: "labels")
    for dimensions in ["idx3", "idx4"] {
      labelPath = labelPath.replacingLast(dimensions, with: "idx1")
    }
    let other = labelPath.replacingLast("-idx1", with: ".idx1")
    let names = [labelPath, other == labelPath ? labelPath.replacingLast(".idx1", with: "-idx1") : other]
    let both = names.flatMap { [$0, $0.dropping(suffix: ".gz") ?? $0 + ".gz"] }
    return names[0] == names[1] ? Array(both.prefix(2)) : both
  }

  private static func labels(in candidates: [String], count: Int) throws(ImageDataError) -> [Int]? {
    guard let found = candidates.first(where: { (try? FileKind(path: $0)) == .file }) else { return nil }
    let bytes = try content(found)
    let header = try header(of: bytes, dimensions: [1])
    guard header.sizes[0] == count else {
      throw .badDataset(path: found, reason: "expected \(count) labels, found \(header.sizes[0])")
    }
    return try bytes.read(at: header.dataOffset, count: count).map(Int.init)
  }

  /// The file, decompressed if need be.
  private static func content(_ path: String) throws(ImageDataError) -> RandomAccessBytes {
    let file = try RandomAccessBytes(path: path)
    guard file.count >= 2, try file.read(at: 0, count: 2) == [0x1f, 0x8b] else { return file }
    guard file.count <= maximumSize else {
      throw .badDataset(path: path, reason: "expected at most \(maximumSize) bytes, found \(file.count)")
    }
    let packed = try file.read(at: 0, count: file.count)
    // The header comes first and says how long the whole is, so that nothing is unpacked that the format has no place for.
    let start = try gunzip(packed, limit: 20, path: path, stopsAtLimit: true)
    let header = try sizes(in: RandomAccessBytes(start, path: path), dimensions: [1, 3, 4])
    guard header.dataOffset + header.count <= min(maximumSize, 1032 * packed.count) else {
      throw .badDataset(
        path: path, reason: "sizes \(header.sizes): more than \(packed.count) compressed bytes can hold")
    }
    let content = try gunzip(packed, limit: header.dataOffset + header.count, path: path)
    return RandomAccessBytes(content, path: path)
  }

  /// EMNIST, the largest published set, has 0.6 GB.
  private static let maximumSize = 1 << 32

  private static func header(
    of bytes: RandomAccessBytes, dimensions: [Int]
  ) throws(ImageDataError) -> Header {
    let header = try sizes(in: bytes, dimensions: dimensions)
    guard bytes.count == header.dataOffset + header.count else {
      throw .badDataset(
        path: bytes.path,
        reason:
          "sizes \(header.sizes): expected \(header.dataOffset + header.count) bytes, found \(bytes.count)")
    }
    return header
  }

  /// The header alone, whose sizes are not too large for arithmetic.
  private static func sizes(
    in bytes: RandomAccessBytes, dimensions: [Int]
  ) throws(ImageDataError) -> Header {
    let allowed = dimensions.map { "\($0)" }.joined(separator: " or ")
    let magic = try bytes.read(at: 0, count: min(4, bytes.count))
    // Two zeros, the element type (8: unsigned bytes), the number of dimensions.
    guard magic.count == 4, magic[0...2] == [0, 0, 8], dimensions.contains(Int(magic[3])) else {
      throw .badDataset(path: bytes.path, reason: "expected an IDX file of bytes in \(allowed) dimensions")
    }
    let rank = Int(magic[3])
    guard bytes.count >= 4 + rank * 4 else {
      throw .badDataset(path: bytes.path, reason: "truncated IDX header: \(bytes.count) bytes")
    }
    let stored = try bytes.read(at: 4, count: rank * 4)
    let sizes = (0..<rank).map { axis in stored[(axis * 4)..<(axis * 4 + 4)].reduce(0) { $0 << 8 | Int($1) } }
    return try checked(Header(sizes: sizes), path: bytes.path)
  }

  private static func checked(_ header: Header, path: String) throws(ImageDataError) -> Header {
    var product = 1
    // A size of zero would hide that the product of the others overflows.
    for size in header.sizes where size > 0 {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      guard !overflow, next < 1 << 48 else {
        throw .badDataset(path: path, reason: "sizes \(header.sizes) are too large")
      }
      product = next
    }
    return header
  }
}

extension String {
  fileprivate func replacingLast(_ old: String, with new: String) -> String {
    ranges(of: old).last.map { replacingCharacters(in: $0, with: new) } ?? self
  }

  fileprivate func replacingCharacters(in range: Range<String.Index>, with new: String) -> String {
    String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
  }
}
