import CZlib

/// Metadata of a JPEG, PNG or WebP file, found where Pillow finds it.
struct ImageMetadata {
  /// A TIFF structure, `Exif` and two zeros before it or not.
  private(set) var exif: [UInt8]?
  /// An XMP packet, XML.
  private(set) var xmp: [UInt8]?

  init(of file: [UInt8]) {
    if file.starts(with: [0xff, 0xd8]) {
      readJPEG(file)
    } else if file.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      readPNG(file)
    } else if file.starts(with: Array("RIFF".utf8)), file.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      readWebP(file)
    }
    if exif?.isEmpty == true { exif = nil }
  }

  /// APP1 segments before the first scan; EXIF data may be spread over several.
  private mutating func readJPEG(_ file: [UInt8]) {
    let exifMark = Array("Exif\0\0".utf8)
    let xmpMark = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
    var rest = file[2...]
    while rest.count >= 4 {
      let marker = rest[rest.startIndex + 1]
      // Bytes between segments that are no marker are skipped one by one.
      guard rest[rest.startIndex] == 0xff, marker != 0xff, marker != 0 else {
        rest = rest.dropFirst()
        continue
      }
      if marker == 0xda { return }
      // Restarts, start and end of an image have no content.
      if (0xd0...0xd9).contains(marker) {
        rest = rest.dropFirst(2)
        continue
      }
      let length = Int(rest[rest.startIndex + 2]) << 8 | Int(rest[rest.startIndex + 3])
      guard length >= 2, length + 2 <= rest.count else { return }
      let content = rest.dropFirst(4).prefix(length - 2)
      if marker == 0xe1, content.starts(with: exifMark) {
        exif = (exif ?? []) + content.dropFirst(exifMark.count)
      } else if marker == 0xe1, content.starts(with: xmpMark) {
        xmp = Array(content.dropFirst(xmpMark.count))
      }
      rest = rest.dropFirst(length + 2)
    }
  }

  /// The chunk `eXIf`, or ImageMagick's hexadecimal text of it; the XMP text.
  private mutating func readPNG(_ file: [UInt8]) {
    var profile: [UInt8]?
    var rest = file.dropFirst(8)
    while rest.count >= 12 {
      let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      guard length + 12 <= rest.count else { break }
      let kind = rest.dropFirst(4).prefix(4)
      let content = rest.dropFirst(8).prefix(length)
      if kind.elementsEqual("eXIf".utf8) {
        exif = Array(content)
      } else if let (key, text) = Self.text(kind, content) {
        if key.elementsEqual("exif".utf8) { exif = text }
        if key.elementsEqual("Raw profile type exif".utf8) { profile = text }
        if key.elementsEqual("XML:com.adobe.xmp".utf8) { xmp = text }
      }
      rest = rest.dropFirst(length + 12)
    }
    if exif == nil, let profile { exif = Self.bytes(ofProfile: profile) }
  }

  /// Keyword and text of the chunks `tEXt`, `zTXt` and `iTXt`.
  private static func text(
    _ kind: ArraySlice<UInt8>, _ content: ArraySlice<UInt8>
  ) -> (key: ArraySlice<UInt8>, text: [UInt8])? {
    let key = content.prefix { $0 != 0 }
    let rest = content.dropFirst(key.count + 1)
    if kind.elementsEqual("tEXt".utf8) { return (key, Array(rest)) }
    if kind.elementsEqual("zTXt".utf8) {
      guard rest.first == 0, let text = decompressed(rest.dropFirst()) else { return nil }
      return (key, text)
    }
    guard kind.elementsEqual("iTXt".utf8), rest.count >= 2 else { return nil }
    let (isCompressed, method) = (rest[rest.startIndex] != 0, rest[rest.startIndex + 1])
    // Language and translated keyword stand before the text.
    let fields = rest.dropFirst(2).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { return nil }
    guard let text = isCompressed ? method == 0 ? decompressed(fields[2]) : nil : Array(fields[2]) else {
      return nil
    }
    // Pillow keeps an XMP packet as bytes, any other text only if it is UTF-8.
    let isText = String(validating: text, as: UTF8.self) != nil
    return isText || key.elementsEqual("XML:com.adobe.xmp".utf8) ? (key, text) : nil
  }

  /// The bytes that the hexadecimal digits stand for, after an empty line, the profile's name and its length.
  private static func bytes(ofProfile text: [UInt8]) -> [UInt8]? {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropFirst(3)
    let digits = lines.joined().filter { $0 != 32 && !(9...13).contains($0) }
      .map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0]! << 4 | digits[$0 + 1]!) }
  }

  /// Chunks of an extended file whose header announces them.
  private mutating func readWebP(_ file: [UInt8]) {
    var rest = file.dropFirst(12)
    var flags: UInt8 = 0
    while rest.count >= 8 {
      let length = rest.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      guard length + 8 <= rest.count else { return }
      let kind = rest.prefix(4)
      let content = rest.dropFirst(8).prefix(length)
      if kind.elementsEqual("VP8X".utf8) {
        flags = content.first ?? 0
      } else if kind.elementsEqual("EXIF".utf8), flags & 0x08 != 0 {
        exif = exif ?? Array(content)
      } else if kind.elementsEqual("XMP ".utf8), flags & 0x04 != 0 {
        xmp = xmp ?? Array(content)
      }
      rest = rest.dropFirst(8 + length + length % 2)
    }
  }

  /// Zlib data of at most a megabyte of text, the limit of Pillow's.
  private static func decompressed(_ packed: ArraySlice<UInt8>) -> [UInt8]? {
    var length = uLongf(1 << 20)
    var text = [UInt8](repeating: 0, count: 1 << 20)
    let status = Array(packed).withUnsafeBufferPointer { source in
      source.baseAddress.map { uncompress(&text, &length, $0, uLong(source.count)) } ?? Z_DATA_ERROR
    }
    return status == Z_OK ? Array(text.prefix(Int(length))) : nil
  }
}
