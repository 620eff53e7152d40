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
        path: name, .labelKey, reason: "no file \".json\" for \"\(labelKey)\" beside an image")
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
    let member = images[index]
    guard member.size <= DecodingBudget.largestFile else {
      throw ImageDataError.badImage(
        item: itemName(index),
        reason: "expected at most \(DecodingBudget.largestFile) bytes, found \(member.size)")
    }
    return try RGBImage(
      decoding: archive.read(at: member.offset, count: member.size), item: itemName(index), options: decoding)
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
