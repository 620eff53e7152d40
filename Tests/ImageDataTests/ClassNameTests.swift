import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Class names: their order, files that number them, and their agreement with other names.
@Suite struct ClassNameTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// A list with one image of each class.
  private func list(_ names: [String], order: ClassOrder? = nil, map: String? = nil) throws
    -> any ImageDataset
  {
    let path = folder.file("list.tsv")
    try names.enumerated().map { "\($0).png\t\($1)\n" }.joined()
      .write(toFile: path, atomically: true, encoding: .utf8)
    var options = DatasetOptions()
    options.classOrder = order
    options.classMap = map
    return try openDataset(path, options: options)
  }

  private func map(_ text: String, name: String = "map.txt") throws -> String {
    try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
    return folder.file(name)
  }

  private func refusal(_ body: () throws -> Void) throws -> String {
    let error = try #require(throws: ImageDataError.self) { try body() }
    return error.description.replacingOccurrences(of: folder.path + "/", with: "")
  }

  private func labels(_ dataset: any ImageDataset) -> [Int?] { (0..<dataset.count).map { dataset.label($0) } }

  // MARK: Order

  /// What `sorted` and timm's `natural_key` make of the same names.
  @Test func ordersAreThoseOfTorchvisionAndTimm() throws {
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: Fixtures.path("goldens/ImageData/class-orders.json")))
    let rows = try #require(JSON.parse(Array(bytes)).arrayValue)
    #expect(rows.count > 40)
    for row in rows {
      func names(_ key: String) throws -> [String] {
        try #require(row[key]?.arrayValue).compactMap(\.stringValue)
      }
      let (torchvision, timm) = (try names("torchvision"), try names("timm"))
      // As folders, which may hold any name but those with a slash.
      let root = folder.file("root")
      try? FileManager.default.removeItem(atPath: root)
      for name in torchvision {
        try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        try Data(ImageGolden.file("grey-1x1.png")).write(to: URL(fileURLWithPath: "\(root)/\(name)/1.png"))
      }
      let dataset = try openDataset(root)
      #expect(dataset.hasClassNames(torchvision), "\(dataset.classNames ?? []) \(torchvision)")
      var options = DatasetOptions()
      options.classOrder = .natural
      let natural = try openDataset(root, options: options)
      #expect(natural.hasClassNames(timm), "\(natural.classNames ?? []) \(timm)")
      #expect(
        labels(natural) == torchvision.map { name in timm.firstIndex { $0.utf8.elementsEqual(name.utf8) } })
      #expect((dataset.orderInDoubt == nil) == (torchvision == timm), "\(torchvision)")
      #expect(natural.orderInDoubt == nil || torchvision == timm)
    }
  }

  @Test func orderInDoubtNamesTwoNeighbours() throws {
    let pair = try #require(try list((1...10).map { "c\($0)" }).orderInDoubt)
    #expect(pair == ("c10", "c2"))
    #expect(try list(["a", "B"]).orderInDoubt! == ("B", "a"))
    #expect(try list(["a", "b"]).orderInDoubt == nil)
    #expect(try list(["0", "1", "10", "2"]).orderInDoubt == nil)
  }

  @Test func namesThatAreEqualInNaturalOrderAreRefused() throws {
    #expect(
      try refusal { _ = try list(["a1", "b", "A01"], order: .natural) }
        == #"list.tsv: the class names "A01" and "a1" are equal in natural order"#)
    #expect(try list(["a1", "b", "A01"], order: .bytes).classNames == ["A01", "a1", "b"])
  }

  @Test func orderOfNumbersHasNoMeaning() throws {
    #expect(
      try refusal { _ = try list(["0", "1"], order: .natural) }
        == "list.tsv: no class names to put in order: the images have no named classes")
  }

  // MARK: Class maps

  @Test(arguments: [
    ("c\nb\na\n", "plain"), ("\u{feff}c\r\nb\r\na\r\n", "byte order mark, Windows lines"),
    ("c tench, a fish\nb goldfish\na shark\n", "described"),
    ("c\ttench\nb\tgoldfish\na\tshark\n", "tabulated"),
    ("0 c\n1 b\n2 a\n", "numbered"), ("2 a\n0 c\n1 b", "numbered, in another order"),
    (#"{"0": "c", "1": "b", "2": "a"}"#, "names by number"),
    (#"{"a": 2, "b": 1, "c": 0}"#, "numbers by name"),
    (#"{"0": ["c", "x"], "1": ["b", "y"], "2": ["a", "z"]}"#, "Keras"),
    (#"{"0": ["x", "c"], "1": ["y", "b"], "2": ["z", "a"]}"#, "Keras, the words"),
    ("\u{feff}[\"c\", \"b\", \"a\"]", "array"), (#"[["c", "x"], ["b", "x"], ["a", "x"]]"#, "array of pairs"),
  ])
  func mapsOfEveryForm(_ text: String, _ form: String) throws {
    for name in ["map.txt", "map.json"] where name == "map.txt" || text.contains("\"") {
      let dataset = try list(["a", "b", "c"], map: map(text, name: name))
      #expect(labels(dataset) == [2, 1, 0], "\(form)")
      #expect(dataset.classNames == ["c", "b", "a"], "\(form)")
    }
  }

  @Test func namesWithSpacesAreWholeLines() throws {
    let names = ["digit 0", "digit 1", "digit 10", "b c d"]
    let dataset = try list(names, map: map("b c d\ndigit 10\n digit 1\ndigit 0  \n"))
    #expect(labels(dataset) == [3, 2, 1, 0])
    let described = try list(names, map: map("b c d\tx\ndigit 10\ty\ndigit 1\tz z\ndigit 0\t\n"))
    #expect(labels(described) == [3, 2, 1, 0])
    let numbered = try list(names, map: map("0 b c d\n1 digit 10\n2 digit 1\n3  digit 0\n"))
    #expect(labels(numbered) == [3, 2, 1, 0])
  }

  @Test func classesWithoutImagesKeepTheirNumbers() throws {
    let dataset = try list(["b", "c"], map: map("c\nx\nb\ny\n"))
    #expect(labels(dataset) == [2, 0])
    #expect(dataset.classNames == ["c", "x", "b", "y"])
  }

  @Test(arguments: [
    ("a\nb\n", #"map.txt: no name for the class "c" of list.tsv: 2 names, the first "a""#),
    ("a\nb\nc\nb\n", #"map.txt: the class "b" is named twice"#), ("", "map.txt: the file names no class"),
    ("a\n\nb\nc\n", "map.txt: line 2 is empty: expected a class in every line"),
    ("1 a\n2 b\n3 c\n", #"map.txt: no name for the class "a" of list.tsv: 3 names, the first "1 a""#),
    (
      #"{"1": "a", "2": "b", "3": "c"}"#,
      "map.txt: expected the numbers 0 to 2, each of one class, in the JSON file"
    ),
    (
      #"{"a": 0, "b": 1, "c": 1}"#,
      "map.txt: expected the numbers 0 to 2, each of one class, in the JSON file"
    ),
    (
      #"{"a": true}"#,
      #"map.txt: expected {"0": name}, {"0": [name, …]}, {name: 0} or an array of names in the JSON file"#
    ),
  ])
  func mapsThatDoNotFitAreRefused(_ text: String, _ message: String) throws {
    #expect(try refusal { _ = try list(["a", "b", "c"], map: map(text)) } == message)
  }

  /// `0 9` may say that class 0 is called 9, or that the first class is called 0 and described as 9.
  @Test func mapsOfTwoReadingsAreRefused() throws {
    let root = folder.file("root")
    for name in 0..<3 {
      try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
      try Data(ImageGolden.file("grey-1x1.png")).write(to: URL(fileURLWithPath: "\(root)/\(name)/1.png"))
    }
    var options = DatasetOptions()
    options.classMap = try map("0 2\n1 1\n2 0\n")
    #expect(
      try refusal { _ = try openDataset(root, options: options) }
        == #"map.txt: the class "0" could be number 0 or 2: the file reads as numbers before names and as names before descriptions"#
    )
    options.classMap = try map("0 0\n1 1\n2 2\n")
    #expect(try openDataset(root, options: options).label(2) == 2)
    options.classMap = try map("2 zwei\n1 eins\n0 null\n")
    #expect(try openDataset(root, options: options).label(2) == 0)
  }

  @Test func mapsOfNumbersHaveNoMeaning() throws {
    #expect(
      try refusal { _ = try list(["0", "1"], map: map("a\nb\n")) }
        == "list.tsv: no classes to number by a file: the labels are numbers, not names")
    #expect(
      try refusal { _ = try list(["0", "1"], map: folder.file("absent")) }
        == "absent: No such file or directory")
  }

  // MARK: Agreement

  @Test func classesAreNumberedByOtherNames() throws {
    let dataset = try list(["seven", "zero"])
    let matched = try dataset.numbered(by: ["one", "seven", "zero"], of: "m")
    #expect(labels(matched) == [1, 2])
    #expect(matched.classNames == ["one", "seven", "zero"])
    #expect(
      try refusal { _ = try dataset.numbered(by: ["one", "zero"], of: "m") }
        == #"list.tsv: the class "seven" is none of those of m: "one", "zero""#)
    #expect(
      try refusal { _ = try dataset.numbered(by: ["seven", "zero", "seven"], of: "m") }
        == #"list.tsv: the class "seven" is 2 of those of m"#)
    #expect(dataset.sharesClassName(with: ["x", "zero"]) && !dataset.sharesClassName(with: ["x"]))
  }

  /// Composed and decomposed letters are equal to Swift's strings, and other folders to the system.
  @Test func namesAreComparedByTheirBytes() throws {
    let dataset = try list(["e\u{301}"])
    #expect(!dataset.hasClassNames(["\u{e9}"]))
    #expect(!dataset.sharesClassName(with: ["\u{e9}"]))
    #expect(throws: ImageDataError.self) { try dataset.numbered(by: ["\u{e9}"], of: "m") }
  }
}
