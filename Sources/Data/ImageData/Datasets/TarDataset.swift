/// A WebDataset shard: files that follow each other under one key are a sample, `x.jpg` its image and `x.cls`
/// its label in decimal digits.
///
/// A key is the path up to the first dot of the file name, as WebDataset has it. Samples without an image are
/// passed over. Images are read from the archive when they are asked for.
struct TarDataset: ImageDataset {
  let name: String
  let classNames: [String]? = nil
  private let archive: RandomAccessBytes
  private let decoding: DecodingOptions
  private let samples: [Sample]

  private struct Sample {
    var key: [UInt8]
    var image: TarIndex.Member?
    var label: TarIndex.Member?
    var labelValue: Int?
  }

  init(_ archive: RandomAccessBytes, decoding: DecodingOptions) throws(ImageDataError) {
    name = archive.path
    self.archive = archive
    self.decoding = decoding
    var samples: [Sample] = []
    for member in try TarIndex(archive).members {
      guard let (key, suffix) = Self.split(member.name) else { continue }
      if samples.last?.key != key { samples.append(Sample(key: key)) }
      let last = samples.count - 1
      if suffix == Array("cls".utf8) {
        samples[last].label = member
      } else if samples[last].image == nil && ImageFolder.extensions.contains([UInt8(ascii: ".")] + suffix) {
        samples[last].image = member
      }
    }
    samples.removeAll { $0.image == nil }
    guard !samples.isEmpty else { throw .emptyDataset(path: name, found: "no images in the tar archive") }
    for index in samples.indices {
      guard let member = samples[index].label else { continue }
      samples[index].labelValue = try Self.label(member, in: archive)
    }
    self.samples = samples
  }

  var count: Int { samples.count }

  func label(_ index: Int) -> Int? { samples[index].labelValue }

  func image(_ index: Int) throws -> RGBImage {
    let member = samples[index].image!
    return try RGBImage(
      decoding: archive.read(at: member.offset, count: member.size), item: itemName(index), options: decoding)
  }

  func itemName(_ index: Int) -> String { "\(name):\(display(samples[index].image!.name))" }

  /// Key and lower-case extension; nil for names without a dot.
  private static func split(_ name: [UInt8]) -> (key: [UInt8], suffix: [UInt8])? {
    let start = name.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    guard let dot = name[start...].firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
    return (Array(name[..<dot]), lowercased(name[(dot + 1)...]))
  }

  private static func label(
    _ member: TarIndex.Member, in archive: RandomAccessBytes
  ) throws(ImageDataError) -> Int {
    let bytes = try archive.read(at: member.offset, count: min(member.size, 32))
    let text = display(bytes.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") && $0 != 32 })
    guard let value = Int(text), 0..<maximumClassCount ~= value else {
      throw .badDataset(
        path: "\(archive.path):\(display(member.name))", reason: "expected a label, found \"\(text)\"")
    }
    return value
  }
}
