/// A list of images: one `path<TAB>label` per line, paths relative to the list's folder.
///
/// Labels are either all whole numbers, taken as they are, or all names, numbered in the order of their
/// bytes. Without a tab in any line the images are unlabelled.
struct ListDataset: ImageDataset {
  let name: String
  let classNames: [String]?
  private let folder: [UInt8]
  private let decoding: DecodingOptions
  private let paths: PackedStrings
  private let labels: [Int]?

  init(_ path: String, decoding: DecodingOptions) throws(ImageDataError) {
    name = path
    self.decoding = decoding
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    folder = slash.map { Array(path.utf8[...$0]) } ?? []
    var paths = PackedStrings()
    var fields: [[UInt8]] = []
    let lines = try readFile(Array(path.utf8)).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty { continue }
      let parts = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), !parts[0].contains(0) else {
        throw .badDataset(
          path: path, reason: "line \(number + 1): expected path<TAB>label, found \"\(display(line))\"")
      }
      paths.append(Array(parts[0]))
      if parts.count == 2 { fields.append(Array(parts[1])) }
      guard fields.isEmpty || fields.count == paths.count else {
        throw .badDataset(path: path, reason: "line \(number + 1): expected a label in every line or in none")
      }
    }
    guard paths.count > 0 else { throw .emptyDataset(path: path, found: "the list is empty") }
    self.paths = paths
    if fields.isEmpty {
      (labels, classNames) = (nil, nil)
      return
    }
    let numbers = fields.map { Int(display($0)) }
    if numbers.allSatisfy({ $0 != nil }) {
      if let wrong = numbers.firstIndex(where: { !(0..<maximumClassCount ~= $0!) }) {
        let image = display(paths[wrong])
        throw .badDataset(
          path: path, reason: "\"\(image)\": expected a label, found \"\(display(fields[wrong]))\"")
      }
      (labels, classNames) = (numbers.map { $0! }, nil)
    } else {
      let names = Set(fields).sorted { $0.lexicographicallyPrecedes($1) }
      let order = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
      (labels, classNames) = (fields.map { order[$0]! }, names.map { display($0) })
    }
  }

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
