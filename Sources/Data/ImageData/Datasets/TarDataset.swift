import Checkpoint

/// A WebDataset shard: files that follow each other under one key are a sample, `x.jpg` its image and `x.cls`
/// its label, or a member of `x.json`.
///
/// A key is the path up to the first dot of the file name, as WebDataset has it. Samples without an image are
/// passed over. A key that comes back after other files, a second image and a second file of one kind are errors: which
/// label belongs to which image would be a guess. Images are read from the archive when they are asked for.
struct TarDataset: ImageDataset {
  let name: String
  let classNames: [String]?
  let labelSource: LabelSource
  private let archive: RandomAccessBytes
  private let decoding: DecodingOptions
  private let images: [TarIndex.Member]
  private let labels: [Int?]

  init(
    _ archive: RandomAccessBytes, decoding: DecodingOptions, labelKey: String? = nil
  ) throws(ImageDataError) {
    name = archive.path
    self.archive = archive
    self.decoding = decoding
    let samples = try Self.samples(TarIndex(archive).members, path: archive.path).filter { $0.image != nil }
    guard !samples.isEmpty else { throw .emptyDataset(path: name, found: "no images in the tar archive") }
    if let labelKey, !samples.contains(where: { $0.json != nil }) {
      throw .settingWithoutMeaning(
        path: name, .labelKey, reason: "an image has no \".json\" file to take \"\(labelKey)\" from")
    }
    var column = LabelColumn()
    for sample in samples {
      let member = labelKey == nil ? sample.label : sample.json
      do throws(LabelColumn.Fault) {
        if let text = try Self.text(of: member, key: labelKey, in: archive) {
          try column.append(text)
        } else {
          column.appendMissing()
        }
      } catch {
        let file = display(member?.name ?? sample.key)
        throw .badDataset(path: "\(archive.path):\(file)", reason: error.reason)
      }
    }
    images = samples.map { $0.image! }
    (labels, classNames) = column.result
    labelSource =
      labelKey.map { .json(key: $0) } ?? .classFiles(hasJSON: samples.contains { $0.json != nil })
  }

  var count: Int { images.count }

  func label(_ index: Int) -> Int? { labels[index] }

  func image(_ index: Int) throws -> RGBImage {
    try RGBImage(decoding: contents(index), item: itemName(index), options: decoding)
  }

  var hasBands: Bool { decoding.keepsDepth }

  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try BandImage(
      decoding: contents(index), channels: channels, item: itemName(index), options: decoding)
  }

  private func contents(_ index: Int) throws -> [UInt8] {
    let member = images[index]
    guard member.size <= DecodingBudget.largestFile else {
      throw ImageDataError.badImage(
        item: itemName(index),
        reason: "expected at most \(DecodingBudget.largestFile) bytes, found \(member.size)")
    }
    return try archive.read(at: member.offset, count: member.size)
  }

  func itemName(_ index: Int) -> String { "\(name):\(display(images[index].name))" }

  // MARK: Samples

  private struct Sample {
    let key: [UInt8]
    var suffixes: Set<[UInt8]> = []
    var image: TarIndex.Member?
    var label: TarIndex.Member?
    var json: TarIndex.Member?
  }

  private static func samples(
    _ members: [TarIndex.Member], path: String
  ) throws(ImageDataError) -> [Sample] {
    var samples: [Sample] = []
    var keys: Set<[UInt8]> = []
    var archive = 0
    for member in members {
      guard let (key, suffix) = split(member.name) else { continue }
      if member.archive != archive || samples.last?.key != key {
        // Shards number their samples each for itself, so archives put together may repeat keys.
        if member.archive != archive { keys.removeAll() }
        archive = member.archive
        guard keys.insert(key).inserted else {
          throw .badDataset(
            path: path,
            reason: "\"\(display(member.name))\" follows files of other samples: two samples have the key "
              + "\"\(display(key))\", or the files of one are apart")
        }
        // Only the newest sample needs them.
        if !samples.isEmpty { samples[samples.count - 1].suffixes = [] }
        samples.append(Sample(key: key))
      }
      let last = samples.count - 1
      guard samples[last].suffixes.insert(suffix).inserted else {
        throw .badDataset(
          path: path,
          reason: "\"\(display(member.name))\" comes twice: two samples have the key \"\(display(key))\"")
      }
      if suffix.elementsEqual("cls".utf8) {
        samples[last].label = member
      } else if suffix.elementsEqual("json".utf8) {
        samples[last].json = member
      } else if ImageFolder.extensions.contains([UInt8(ascii: ".")] + suffix) {
        if let other = samples[last].image {
          throw .badDataset(
            path: path,
            reason: "two images of one sample: \"\(display(other.name))\" and \"\(display(member.name))\"")
        }
        samples[last].image = member
      }
    }
    return samples
  }

  /// Key and lower-case extension; nil for names without a dot.
  private static func split(_ name: [UInt8]) -> (key: [UInt8], suffix: [UInt8])? {
    let start = name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    guard let dot = name[start...].firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
    return (Array(name[..<dot]), lowercased(name[(dot + 1)...]))
  }

  // MARK: Labels

  /// The text of a label; nil if there is none.
  private static func text(
    of member: TarIndex.Member?, key: String?, in archive: RandomAccessBytes
  ) throws(LabelColumn.Fault) -> [UInt8]? {
    guard let member else { return nil }
    let limit = key == nil ? 4096 : 1 << 24
    guard member.size <= limit else {
      throw .init(reason: "expected a label of at most \(limit) bytes, found \(member.size)")
    }
    let bytes: [UInt8]
    do { bytes = try archive.read(at: member.offset, count: member.size) } catch {
      throw .init(reason: "\(error)")
    }
    guard let key else { return bytes }
    var value: JSON
    do { value = try JSON.parse(bytes) } catch { throw .init(reason: "\(error)") }
    if let direct = value[key] {
      value = direct
    } else {
      for level in key.split(separator: ".", omittingEmptySubsequences: false) {
        guard let inner = value[String(level)] else { return nil }
        value = inner
      }
    }
    if let text = value.stringValue { return Array(text.utf8) }
    guard let number = value.doubleValue else {
      throw .init(reason: "member \"\(key)\": expected a whole number or a name as label")
    }
    // Written as 3, 3.0 or 3e0: the same number.
    return Array((Int(exactly: number).map(String.init) ?? "\(number)").utf8)
  }
}

/// The regular files in a tar archive, or in several that were put one after the other: ustar, GNU and pax names.
struct TarIndex {
  struct Member: Equatable {
    let name: [UInt8]
    let offset: Int
    let size: Int
    /// Number of the archive among those put one after the other.
    var archive = 0
  }

  private(set) var members: [Member] = []

  /// Reads the headers of the archive; file contents are skipped.
  ///
  /// Each archive must end with a block of zeros: one that was cut at the end of a file would otherwise pass
  /// for a smaller archive. Another archive may follow, as with `tar --ignore-zeros`.
  /// - Throws: `badDataset`, `readFailed`.
  init(_ archive: RandomAccessBytes) throws(ImageDataError) {
    var offset = 0
    // Name and size that an extension header gives the member after it.
    var longName: [UInt8]?
    var longSize: Int?
    var number = 0
    while true {
      guard archive.count - offset >= 512 else {
        throw .badDataset(
          path: archive.path,
          reason: "truncated tar archive: it ends after \(archive.count) bytes, \(members.count) files read")
      }
      let block = try archive.read(at: offset, count: 512)
      if block.allSatisfy({ $0 == 0 }) {
        guard let next = try Self.endOfZeros(archive, from: offset + 512) else { return }
        offset = next
        number += 1
        continue
      }
      let header = try TarHeader(block, at: offset, path: archive.path)
      // The size is read from the extension only for the member itself.
      let isExtension = "LKxg".utf8.contains(header.kind)
      let size = isExtension ? header.size : longSize ?? header.size
      offset += 512
      guard size <= archive.count - offset else {
        throw .badDataset(
          path: archive.path,
          reason: "truncated tar archive: \"\(display(longName ?? header.name))\": expected \(size) bytes, "
            + "found \(archive.count - offset)")
      }
      switch header.kind {
      case UInt8(ascii: "L"):
        longName = try Array(Self.extensionText(archive, offset, size).prefix { $0 != 0 })
      case UInt8(ascii: "x"):
        let records = try PaxRecords(Self.extensionText(archive, offset, size), path: archive.path)
        longName = records.path ?? longName
        longSize = records.size ?? longSize
      case UInt8(ascii: "K"), UInt8(ascii: "g"):
        break
      default:
        // Files have the type 0, in old archives a zero byte; 7 is a file that wants to be contiguous.
        if [0, UInt8(ascii: "0"), UInt8(ascii: "7")].contains(header.kind) {
          members.append(Member(name: longName ?? header.name, offset: offset, size: size, archive: number))
        }
        longName = nil
        longSize = nil
      }
      let padded = size.addingReportingOverflow((512 - size % 512) % 512)
      offset += min(padded.overflow ? Int.max : padded.partialValue, archive.count - offset)
    }
  }

  /// The next block that is not zero; nil if there is none up to the end.
  private static func endOfZeros(
    _ archive: RandomAccessBytes, from start: Int
  ) throws(ImageDataError) -> Int? {
    var offset = start
    while offset < archive.count {
      // Archives are padded to records of 10 KB; whole pages are read so that long padding costs little.
      let page = try archive.read(at: offset, count: min(1 << 16, archive.count - offset))
      if let place = page.firstIndex(where: { $0 != 0 }) { return offset + place / 512 * 512 }
      offset += page.count
    }
    return nil
  }

  private static func extensionText(
    _ archive: RandomAccessBytes, _ offset: Int, _ size: Int
  ) throws(ImageDataError) -> [UInt8] {
    guard size <= 1 << 20 else {
      throw .badDataset(
        path: archive.path, reason: "tar extension header of \(size) bytes at byte \(offset - 512)")
    }
    return try archive.read(at: offset, count: size)
  }
}

private struct TarHeader {
  let name: [UInt8]
  let size: Int
  let kind: UInt8

  init(_ block: [UInt8], at offset: Int, path: String) throws(ImageDataError) {
    func text(_ range: Range<Int>) -> [UInt8] { Array(block[range].prefix { $0 != 0 }) }
    // The sum of all bytes, with the checksum's own place taken as spaces.
    let sum = block.indices.reduce(0) { $0 + (148..<156 ~= $1 ? 32 : Int(block[$1])) }
    guard Self.number(block[148..<156]) == sum else {
      throw .badDataset(
        path: path, reason: "not a tar archive, or a damaged one: bad header at byte \(offset)")
    }
    guard let size = Self.number(block[124..<136]) else {
      throw .badDataset(path: path, reason: "bad size in the tar header at byte \(offset)")
    }
    self.size = size
    kind = block[156]
    // POSIX archives keep the start of long names in a field of its own; GNU's magic is "ustar " and has
    // none.
    let prefix = block[257..<263].elementsEqual("ustar\0".utf8) ? text(345..<500) : []
    name = prefix.isEmpty ? text(0..<100) : prefix + [UInt8(ascii: "/")] + text(0..<100)
  }

  /// Octal digits, or GNU's binary numbers, which begin with the byte 0x80.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    if field.first == 0x80 {
      return field.dropFirst().reduce(Int?(0)) { value, byte in
        guard let value, value < Int.max >> 8 else { return nil }
        return value << 8 | Int(byte)
      }
    }
    let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    if digits.isEmpty { return 0 }
    return Int(display(digits), radix: 8).flatMap { $0 >= 0 ? $0 : nil }
  }
}

/// The records of a pax extended header that matter here: `length key=value\n`.
private struct PaxRecords {
  var path: [UInt8]?
  var size: Int?

  init(_ bytes: [UInt8], path archive: String) throws(ImageDataError) {
    var rest = bytes[...]
    while let first = rest.first, first != 0 {
      let digits = rest.prefix { $0 != UInt8(ascii: " ") }
      guard digits.count < 8, let length = Int(display(digits)), length > digits.count + 1,
        length <= rest.count,
        rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
      else { throw .badDataset(path: archive, reason: "bad pax header in the tar archive") }
      let record = rest.prefix(length - 1).dropFirst(digits.count + 1)
      rest = rest.dropFirst(length)
      let key = record.prefix { $0 != UInt8(ascii: "=") }
      let value = record.dropFirst(key.count + 1)
      if key.elementsEqual("path".utf8) { self.path = Array(value) }
      if key.elementsEqual("size".utf8) {
        guard let number = Int(display(value)), number >= 0 else {
          throw .badDataset(path: archive, reason: "bad size in a pax header of the tar archive")
        }
        size = number
      }
    }
  }
}
