/// How a camera was held, by EXIF's numbers: what must be done to the stored pixels to see the scene upright.
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

  /// The orientation recorded in a JPEG or PNG file; upright when there is none or it makes no sense.
  init(of file: [UInt8]) {
    let stored = Self.exif(inJPEG: file) ?? Self.exif(inPNG: file)
    self = stored.flatMap { Self(exif: $0) } ?? .upright
  }

  /// The contents of the APP1 segment that begins with `Exif`.
  private static func exif(inJPEG file: [UInt8]) -> ArraySlice<UInt8>? {
    guard file.starts(with: [0xff, 0xd8]) else { return nil }
    var rest = file[2...]
    while rest.count >= 4, rest[rest.startIndex] == 0xff {
      let marker = rest[rest.startIndex + 1]
      if marker == 0xff {
        rest = rest.dropFirst()
        continue
      }
      // The metadata stands before the first scan.
      if marker == 0xda || marker == 0xd9 { return nil }
      let length = Int(rest[rest.startIndex + 2]) << 8 | Int(rest[rest.startIndex + 3])
      guard length >= 2, length + 2 <= rest.count else { return nil }
      let content = rest.dropFirst(4).prefix(length - 2)
      if marker == 0xe1, content.starts(with: Array("Exif\0\0".utf8)) { return content.dropFirst(6) }
      rest = rest.dropFirst(length + 2)
    }
    return nil
  }

  /// The contents of the `eXIf` chunk.
  private static func exif(inPNG file: [UInt8]) -> ArraySlice<UInt8>? {
    guard file.starts(with: [0x89, 0x50, 0x4e, 0x47]) else { return nil }
    var rest = file.dropFirst(8)
    while rest.count >= 12 {
      let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      guard length + 12 <= rest.count else { return nil }
      if rest.dropFirst(4).starts(with: Array("eXIf".utf8)) { return rest.dropFirst(8).prefix(length) }
      rest = rest.dropFirst(length + 12)
    }
    return nil
  }

  /// Finds the tag in the first directory of a TIFF structure.
  private init?(exif: ArraySlice<UInt8>) {
    let bytes = Array(exif)
    let isLittle = bytes.starts(with: Array("II*\0".utf8))
    guard isLittle || bytes.starts(with: Array("MM\0*".utf8)) else { return nil }
    func number(at offset: Int, size: Int) -> Int? {
      guard offset >= 0, offset + size <= bytes.count else { return nil }
      let field = bytes[offset..<(offset + size)]
      return isLittle
        ? field.reversed().reduce(0) { $0 << 8 | Int($1) } : field.reduce(0) { $0 << 8 | Int($1) }
    }
    guard let directory = number(at: 4, size: 4), let count = number(at: directory, size: 2) else {
      return nil
    }
    for entry in 0..<count {
      let offset = directory + 2 + entry * 12
      guard let tag = number(at: offset, size: 2) else { return nil }
      // Type 3, a 16-bit number, one of them.
      if tag == 0x0112, number(at: offset + 2, size: 2) == 3, number(at: offset + 4, size: 4) == 1 {
        guard let value = number(at: offset + 8, size: 2) else { return nil }
        self.init(rawValue: value)
        return
      }
    }
    return nil
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
