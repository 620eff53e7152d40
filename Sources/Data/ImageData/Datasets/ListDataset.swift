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

  func itemName(_ index: Int) -> String { display(path(index)) }

  private func path(_ index: Int) -> [UInt8] {
    paths[index].first == UInt8(ascii: "/") ? Array(paths[index]) : folder + paths[index]
  }
}
