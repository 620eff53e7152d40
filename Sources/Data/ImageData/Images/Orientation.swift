/// Orientation of a camera, by EXIF's numbers: what must be done to the stored pixels to see the scene
/// upright.
///
/// CIPA DC-008 (Exif 2.32), tag 0x0112.
enum Orientation: Int {
  case upright = 1
  case mirrored = 2
  case rotated180 = 3
  case mirroredVertically = 4
  case transposed = 5
  case rotatedRight = 6
  case transversed = 7
  case rotatedLeft = 8

  /// The orientation recorded in a JPEG, PNG or WebP file; upright when there is none or it makes no sense.
  ///
  /// As Pillow's `getexif` finds it: the EXIF tag, or without one `tiff:Orientation` in the XMP packet. EXIF data that are
  /// no TIFF structure leave the image as it is.
  init(of file: [UInt8]) {
    let metadata = ImageMetadata(of: file)
    let value = metadata.exif.flatMap(Self.tag) ?? metadata.xmp.flatMap(Self.property)
    self = value.flatMap { Self(rawValue: $0) } ?? .upright
  }

  /// The tag 0x0112 in the first directory of a TIFF structure: nil if there is none, 0 if it is no whole number or this no
  /// TIFF structure.
  private static func tag(in exif: [UInt8]) -> Int? {
    let mark = Array("Exif\0\0".utf8)
    var bytes = exif[...]
    for _ in 0..<2 where bytes.starts(with: mark) { bytes = bytes.dropFirst(mark.count) }
    if bytes.isEmpty { return nil }
    guard let directory = TIFFDirectory(Array(bytes)) else { return 0 }
    return directory.value(of: 0x0112)
  }

  /// The digit of the first `tiff:Orientation="6"` or `<tiff:Orientation>6`.
  private static func property(in xmp: [UInt8]) -> Int? {
    let name = Array("tiff:Orientation".utf8)
    guard xmp.count > name.count + 1 else { return nil }
    for start in 0..<(xmp.count - name.count - 1) where xmp[start] == name[0] {
      let rest = xmp[start...]
      guard rest.starts(with: name) else { continue }
      let value = rest.dropFirst(name.count)
      let digit: UInt8?
      if value.first == UInt8(ascii: ">") {
        digit = value.dropFirst().first
      } else if value.starts(with: Array("=\"".utf8)) {
        digit = value.dropFirst(2).first
      } else {
        continue
      }
      if let digit, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) { return Int(digit) - 48 }
    }
    return nil
  }
}

/// The first directory of a TIFF structure, as Pillow's `ImageFileDirectory_v2` reads it.
private struct TIFFDirectory {
  private let bytes: [UInt8]
  private let isLittle: Bool

  init?(_ bytes: [UInt8]) {
    isLittle = bytes.starts(with: Array("II".utf8))
    // The version is 42; some writers have its bytes in the other order.
    let marks = ["II*\0", "II\0*", "MM\0*", "MM*\0"]
    guard bytes.count >= 8, marks.contains(where: { bytes.starts(with: Array($0.utf8)) }) else { return nil }
    self.bytes = bytes
  }

  /// The first value of `tag`: nil without such a tag, 0 for texts and fractions.
  func value(of wanted: Int) -> Int? {
    // Bytes per value of the types 1 to 13 and 16: byte, text, short, long, rational and so on.
    let sizes = [
      1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
    ]
    guard let directory = number(at: 4, size: 4), let entries = number(at: directory, size: 2) else {
      return nil
    }
    var total = 0
    for entry in 0..<entries {
      let offset = directory + 2 + entry * 12
      guard offset + 12 <= bytes.count, let tag = number(at: offset, size: 2),
        let type = number(at: offset + 2, size: 2), let count = number(at: offset + 4, size: 4)
      else { return nil }
      guard let size = sizes[type], count > 0 else { continue }
      var place = offset + 8
      if size * count > 4 {
        total += size * count
        if total > bytes.count { continue }
        guard let far = number(at: place, size: 4), far + size * count <= bytes.count else { return nil }
        place = far
      }
      if tag == wanted { return value(at: place, type: type) }
    }
    return nil
  }

  private func value(at place: Int, type: Int) -> Int? {
    func ratio(_ numerator: Int?, _ denominator: Int?) -> Int {
      guard let numerator, let denominator, denominator != 0 else { return 0 }
      return numerator.isMultiple(of: denominator) ? numerator / denominator : 0
    }
    switch type {
    case 3: return number(at: place, size: 2)
    case 4, 13: return number(at: place, size: 4)
    case 6: return number(at: place, size: 1).map { Int(Int8(truncatingIfNeeded: $0)) }
    case 8: return number(at: place, size: 2).map { Int(Int16(truncatingIfNeeded: $0)) }
    case 9: return number(at: place, size: 4).map { Int(Int32(truncatingIfNeeded: $0)) }
    case 5: return ratio(number(at: place, size: 4), number(at: place + 4, size: 4))
    case 10:
      return ratio(
        number(at: place, size: 4).map { Int(Int32(truncatingIfNeeded: $0)) },
        number(at: place + 4, size: 4).map { Int(Int32(truncatingIfNeeded: $0)) })
    case 11:
      return number(at: place, size: 4).map {
        Int(exactly: Float(bitPattern: UInt32(truncatingIfNeeded: $0))) ?? 0
      }
    case 12:
      return number(at: place, size: 8).map {
        Int(exactly: Double(bitPattern: UInt64(bitPattern: Int64($0)))) ?? 0
      }
    case 16: return number(at: place, size: 8)
    default: return 0
    }
  }

  /// An unsigned number of `size` bytes; one of 8 bytes wraps around.
  private func number(at offset: Int, size: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - size else { return nil }
    let field = bytes[offset..<(offset + size)]
    let value =
      isLittle
      ? field.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      : field.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(Int64(bitPattern: value))
  }
}

extension RGBImage {
  /// The image turned upright, as Pillow's `ImageOps.exif_transpose` does.
  func upright(from orientation: Orientation) -> RGBImage {
    // Pixel (x, y) of the result is pixel `origin + x * right + y * down` of this image.
    let end = width * height - 1
    let origin: Int
    let right: Int
    let down: Int
    switch orientation {
    case .upright: return self
    case .mirrored: (origin, right, down) = (width - 1, -1, width)
    case .rotated180: (origin, right, down) = (end, -1, -width)
    case .mirroredVertically: (origin, right, down) = (end - width + 1, 1, -width)
    case .transposed: (origin, right, down) = (0, width, 1)
    case .rotatedRight: (origin, right, down) = (end - width + 1, -width, 1)
    case .transversed: (origin, right, down) = (end, -width, -1)
    case .rotatedLeft: (origin, right, down) = (width - 1, width, -1)
    }
    let swapsSides = orientation.rawValue >= Orientation.transposed.rawValue
    let (newWidth, newHeight) = swapsSides ? (height, width) : (width, height)
    var result = [UInt8](repeating: 0, count: pixels.count)
    var target = 0
    for y in 0..<newHeight {
      var source = (origin + y * down) * 3
      for _ in 0..<newWidth {
        result[target] = pixels[source]
        result[target + 1] = pixels[source + 1]
        result[target + 2] = pixels[source + 2]
        target += 3
        source += right * 3
      }
    }
    return RGBImage(width: newWidth, height: newHeight, pixels: result)
  }
}
