/// A list of images: one `path<TAB>label` per line, paths relative to the list's folder.
///
/// Labels are those of `LabelColumn`. Without a tab in any line the images are unlabeled.
struct ListDataset: ImageDataset {
  let name: String
  let classNames: [String]?
  let labelSource = LabelSource.list
  private let folder: [UInt8]
  private let decoding: DecodingOptions
  private let paths: PackedStrings
  private let labels: [Int?]?

  init(_ path: String, decoding: DecodingOptions) throws(ImageDataError) {
    name = path
    self.decoding = decoding
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    folder = slash.map { Array(path.utf8[...$0]) } ?? []
    var bytes = try readFile(Array(path.utf8))
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
    var paths = PackedStrings()
    var column = LabelColumn()
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty { continue }
      let parts = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      func bad(_ reason: String) -> ImageDataError {
        .badDataset(path: path, reason: "line \(number + 1): \(reason)")
      }
      guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), !parts[0].contains(0) else {
        throw bad("expected path<TAB>label, found \"\(display(line))\"")
      }
      if paths.count == 0, parts.count == 2, Self.headings.contains(lowercased(parts[0])) {
        throw bad("a heading, \"\(display(line))\"; expected path<TAB>label")
      }
      paths.append(Array(parts[0]))
      if parts.count == 2 {
        do throws(LabelColumn.Fault) { try column.append(parts[1]) } catch { throw bad(error.reason) }
      }
      guard column.count == 0 || column.count == paths.count else {
        throw bad("expected a label in every line or in none")
      }
    }
    guard paths.count > 0 else { throw .emptyDataset(path: path, found: "the list is empty") }
    self.paths = paths
    let result = column.result
    classNames = result.names
    labels = column.count == 0 ? nil : result.labels
  }

  /// First words of lists that begin with the names of their columns.
  private static let headings: Set<[UInt8]> = Set(
    ["path", "file", "filename", "file_name", "filepath", "image", "image_path", "img", "name"].map {
      Array($0.utf8)
    })

  var count: Int { paths.count }

  func label(_ index: Int) -> Int? { labels?[index] }

  func image(_ index: Int) throws -> RGBImage {
    try RGBImage(decoding: readFile(path(index)), item: itemName(index), options: decoding)
  }

  var hasBands: Bool { decoding.keepsDepth }

  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try BandImage(
      decoding: readFile(path(index)), channels: channels, item: itemName(index), options: decoding)
  }

  func itemName(_ index: Int) -> String { display(path(index)) }

  private func path(_ index: Int) -> [UInt8] {
    paths[index].first == UInt8(ascii: "/") ? Array(paths[index]) : folder + paths[index]
  }
}

/// Labels written as text, all of them whole numbers or all of them names.
///
/// Numbers are taken as they are, `3.0` too, which is how pandas writes 3 in a column that had a gap; names
/// are numbered in the order of their bytes. A mixture is refused: one slip of the pen would renumber all
/// classes.
struct LabelColumn {
  /// Why a label cannot be used.
  struct Fault: Error {
    let reason: String
  }

  private enum Content {
    case number(Int)
    case name([UInt8])
  }

  private var values: [Int?] = []
  /// Names by their first appearance.
  private var names: [[UInt8]] = []
  private var places: [[UInt8]: Int] = [:]
  private var firstText: String?

  /// Takes the label of the next item.
  mutating func append(_ text: some Collection<UInt8>) throws(Fault) {
    let content = try Self.content(of: text)
    if firstText == nil { firstText = display(text) }
    switch content {
    case .number(let number):
      guard names.isEmpty else {
        throw Fault(reason: "the label \(number) is a number, \"\(firstText!)\" before it a name")
      }
      values.append(number)
    case .name(let name):
      guard !names.isEmpty || values.allSatisfy({ $0 == nil }) else {
        throw Fault(reason: "the label \"\(display(name))\" is a name, \"\(firstText!)\" before it a number")
      }
      let place = places[name] ?? names.count
      if place == names.count {
        guard place < maximumClassCount else { throw Fault(reason: "more than \(maximumClassCount) classes") }
        names.append(name)
        places[name] = place
      }
      values.append(place)
    }
  }

  /// Takes the next item as one without a label.
  mutating func appendMissing() { values.append(nil) }

  /// Number of items, labeled or not.
  var count: Int { values.count }

  /// The class of each item, and the names of the classes if they have any.
  var result: (labels: [Int?], names: [String]?) {
    guard !names.isEmpty else { return (values, nil) }
    let order = names.indices.sorted { names[$0].lexicographicallyPrecedes(names[$1]) }
    var numbers = Array(repeating: 0, count: order.count)
    for (number, place) in order.enumerated() { numbers[place] = number }
    return (values.map { $0.map { numbers[$0] } }, order.map { display(names[$0]) })
  }

  private static func content(of text: some Collection<UInt8>) throws(Fault) -> Content {
    let trimmed = trimming(text)
    guard let first = trimmed.first else { throw Fault(reason: "the label is empty") }
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    // Names may begin with a digit, such as "3d-printer"; what reads as a number is meant as one.
    guard digits.contains(first) || "+-.".utf8.contains(first), let value = Double(display(trimmed)) else {
      return .name(trimmed)
    }
    let unsigned = first == UInt8(ascii: "+") ? trimmed.dropFirst() : trimmed[...]
    let whole = unsigned.prefix { digits.contains($0) }
    let fraction = unsigned.dropFirst(whole.count)
    let isWhole =
      !whole.isEmpty
      && (fraction.isEmpty
        || fraction.first == UInt8(ascii: ".") && fraction.dropFirst().allSatisfy { $0 == digits.lowerBound })
    guard isWhole, value < Double(maximumClassCount) else {
      throw Fault(reason: "expected a whole number from 0 as label, found \"\(display(trimmed))\"")
    }
    return .number(Int(value))
  }
}

/// `text` without white space at both ends.
func trimming(_ text: some Collection<UInt8>) -> [UInt8] {
  let isSpace = { (byte: UInt8) in byte == 32 || (9...13).contains(byte) }
  let start = text.drop(while: isSpace)
  let end = Array(start).lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0
  return Array(start.prefix(end))
}
