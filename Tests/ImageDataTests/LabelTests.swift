import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Labels of lists and of tar archives.
@Suite struct LabelTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @discardableResult private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
    return folder.file(name)
  }

  private func labels(_ dataset: any ImageDataset) -> [Int?] { (0..<dataset.count).map { dataset.label($0) } }

  private func list(_ labels: [String]) throws -> any ImageDataset {
    let lines = labels.enumerated().map { "\($0).png\t\($1)\n" }.joined()
    return try openDataset(write("list.tsv", Array(lines.utf8)))
  }

  private func refusal(_ body: () throws -> Void) throws -> String {
    let error = try #require(throws: ImageDataError.self) { try body() }
    return error.description.replacingOccurrences(of: folder.path + "/", with: "")
  }

  // MARK: Lists

  @Test func wholeNumbersWrittenAsFloatsAreThoseNumbers() throws {
    let floats = try list((0..<12).map { "\($0).0" })
    #expect(labels(floats) == Array(0..<12))
    #expect(floats.classNames == nil)
    #expect(
      labels(try list(["3", "3.000", "+4", "05", "7.", " 8 "])) == [3, 3, 4, 5, 7, 8])
  }

  @Test func namesThatBeginWithDigitsAreNames() throws {
    let dataset = try list(["3d-printer", "1st", "n01440764", "10-gauge"])
    #expect(dataset.classNames == ["10-gauge", "1st", "3d-printer", "n01440764"])
    #expect(labels(dataset) == [2, 1, 3, 0])
  }

  @Test(arguments: [
    (["0", "1", "11a"], #"list.tsv: line 3: the label "11a" is a name, "0" before it a number"#),
    (["cat", "dog", "3"], #"list.tsv: line 3: the label 3 is a number, "cat" before it a name"#),
    (["label", "0", "1"], #"list.tsv: line 2: the label 0 is a number, "label" before it a name"#),
    (["1", "nan"], #"list.tsv: line 2: the label "nan" is a name, "1" before it a number"#),
    (["1", "2.5"], #"list.tsv: line 2: expected a whole number from 0 as label, found "2.5""#),
    (["1", "-1"], #"list.tsv: line 2: expected a whole number from 0 as label, found "-1""#),
    (["1", "1e1"], #"list.tsv: line 2: expected a whole number from 0 as label, found "1e1""#),
    (["0x1p3"], #"list.tsv: line 1: expected a whole number from 0 as label, found "0x1p3""#),
    (
      ["1", "100000000000000000000"],
      #"list.tsv: line 2: expected a whole number from 0 as label, found "100000000000000000000""#
    ), (["1", "   "], "list.tsv: line 2: the label is empty"),
  ])
  func mixturesAndOtherNumbersAreRefusedWithTheirLine(_ column: [String], _ message: String) throws {
    #expect(try refusal { _ = try list(column) } == message)
  }

  @Test func headingIsNamed() throws {
    let path = try write("list.tsv", Array("path\tlabel\na.png\tcat\nb.png\tdog\n".utf8))
    #expect(
      try refusal { _ = try openDataset(path) }
        == #"list.tsv: line 1: a heading, "path\tlabel"; expected path<TAB>label"#)
  }

  @Test func byteOrderMarkIsNoPartOfTheFirstPath() throws {
    let path = try write("list.tsv", [0xef, 0xbb, 0xbf] + Array("a.png\t1\n".utf8))
    #expect(try openDataset(path).itemName(0) == folder.file("a.png"))
  }

  // MARK: Tar archives

  private let pixel = try! ImageGolden.file("grey-1x1.png")

  /// An archive of small ustar files.
  private func tar(_ members: [(String, [UInt8])], padding: Int = 2) -> [UInt8] {
    var archive: [UInt8] = []
    for (name, content) in members {
      var header = [UInt8](repeating: 0, count: 512)
      func put(_ text: String, _ offset: Int) {
        header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
      }
      put(name, 0)
      put("0000644", 100)
      let size = String(content.count, radix: 8)
      put(String(repeating: "0", count: 11 - size.count) + size, 124)
      put("        ", 148)
      put("0", 156)
      put("ustar\u{0}00", 257)
      let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
      put(String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} ", 148)
      archive += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
    return archive + [UInt8](repeating: 0, count: padding * 512)
  }

  private func open(
    _ members: [(String, String)], _ change: (inout DatasetOptions) -> Void = { _ in }
  ) throws -> any ImageDataset {
    let files = members.map { ($0, $0.hasSuffix("png") || $0.hasSuffix("jpg") ? pixel : Array($1.utf8)) }
    var options = DatasetOptions()
    change(&options)
    return try openDataset(write("x.tar", tar(files)), options: options)
  }

  @Test func classFilesHoldWholeNumbers() throws {
    let dataset = try open([
      ("a.png", ""), ("a.cls", "12\n"), ("b.cls", " 3.0 \r\n"), ("b.png", ""), ("c.png", ""),
    ])
    #expect(labels(dataset) == [12, 3, nil])
    #expect(
      try refusal { _ = try open([("a.png", ""), ("a.cls", "3"), ("b.png", ""), ("b.cls", "1 2")]) }
        == #"x.tar:b.cls: the label "1 2" is a name, "3" before it a number"#)
    #expect(
      try refusal { _ = try open([("a.png", ""), ("a.cls", "-3")]) }
        == #"x.tar:a.cls: expected a whole number from 0 as label, found "-3""#)
    #expect(
      try refusal {
        _ = try open([("a.png", ""), ("a.cls", "1" + String(repeating: " ", count: 5000) + "2")])
      }
        == "x.tar:a.cls: expected a label of at most 4096 bytes, found 5002")
  }

  @Test func namesInClassFilesAreNumberedInOrder() throws {
    let dataset = try open([("a.png", ""), ("a.cls", "dog"), ("b.png", ""), ("b.cls", "cat\n")])
    #expect(dataset.classNames == ["cat", "dog"])
    #expect(labels(dataset) == [1, 0])
  }

  @Test func repeatedKeyWithinAnArchiveIsRefused() throws {
    #expect(
      try refusal { _ = try open([("k.png", ""), ("k.cls", "0"), ("k.png", ""), ("k.cls", "4")]) }
        == #"x.tar: "k.png" comes twice: two samples have the key "k""#)
    #expect(
      try refusal { _ = try open([("k.cls", "0"), ("k.png", ""), ("k.CLS", "4"), ("k.png", "")]) }
        == #"x.tar: "k.CLS" comes twice: two samples have the key "k""#)
    #expect(
      try refusal { _ = try open([("k.png", ""), ("k.jpg", ""), ("k.cls", "4")]) }
        == #"x.tar: two images of one sample: "k.png" and "k.jpg""#)
  }

  @Test func membersThatAreApartAreRefused() throws {
    for members in [
      [("a.png", ""), ("b.png", ""), ("a.cls", "0"), ("b.cls", "1")],
      [("a.png", ""), ("a.cls", "0"), ("b.txt", ""), ("a.json", "{}")],
    ] {
      #expect(
        try refusal { _ = try open(members) }.hasSuffix(
          "follows files of other samples: two samples have the key \"a\", or the files of one are apart"))
    }
    // Other folders are other keys.
    #expect(
      labels(try open([("x/a.png", ""), ("x/a.cls", "0"), ("y/a.png", ""), ("y/a.cls", "1")])) == [0, 1])
  }

  @Test(arguments: [1, 2, 20, 200]) func concatenatedArchivesAreReadToTheEnd(_ padding: Int) throws {
    let one = tar([("0.png", pixel), ("0.cls", [0x31])], padding: padding)
    let two = tar([("0.png", pixel), ("0.cls", [0x32])])
    let dataset = try openDataset(write("ab.tar", one + two))
    #expect(labels(dataset) == [1, 2])
    #expect(try dataset.image(1).width == 1)
    // What GNU tar makes of it with --ignore-zeros.
    let listing = try Tool.shell("tar --ignore-zeros -tf '\(folder.file("ab.tar"))'")
    #expect(listing.text == "0.png\n0.cls\n0.png\n0.cls\n")
    for length in (one.count + 1)..<(one.count + two.count - 1023) {
      #expect(throws: ImageDataError.self, "\(length)") {
        try TarDataset(
          RandomAccessBytes(Array((one + two).prefix(length)), path: "x"), decoding: DecodingOptions())
      }
    }
    #expect(throws: ImageDataError.self) {
      try openDataset(write("rubbish.tar", one + Array("rubbish".utf8)))
    }
  }

  @Test func labelsFromJSON() throws {
    let members = [
      ("a.png", ""), ("a.json", #"{"label": 3, "x": {"name": "cat"}, "x.y": 1.0, "n": null}"#),
      ("b.json", #"{"label": 4.0, "x": {"name": "ant"}, "x.y": "2"}"#), ("b.png", ""), ("b.cls", "9"),
    ]
    func labelled(_ key: String) throws -> any ImageDataset { try open(members) { $0.labelKey = key } }
    #expect(try labels(labelled("label")) == [3, 4])
    #expect(try labels(labelled("x.y")) == [1, 2])
    #expect(try labels(labelled("x.name")) == [1, 0])
    #expect(try labelled("x.name").classNames == ["ant", "cat"])
    #expect(try labels(labelled("absent")) == [nil, nil])
    #expect(
      try refusal { _ = try labelled("absent").requiredLabel(0) }
        == #"x.tar:a.png: no label: expected a member "absent" in a file ".json" of the image's name in the archive"#
    )
    #expect(
      try refusal { _ = try labelled("n") }
        == #"x.tar:a.json: member "n": expected a whole number or a name as label"#)
    #expect(
      try refusal { _ = try open([("a.png", ""), ("a.json", "{")]) { $0.labelKey = "label" } }
        .hasPrefix("x.tar:a.json: invalid JSON"))
  }

  @Test func labelKeyWithoutJSONIsRefused() throws {
    #expect(
      try refusal { _ = try open([("a.png", ""), ("a.cls", "1")]) { $0.labelKey = "label" } }
        == #"x.tar: no JSON labels: an image has no ".json" file to take "label" from"#)
    try write("a.png", pixel)
    var options = DatasetOptions()
    options.labelKey = "label"
    #expect(throws: ImageDataError.self) { try openDataset(folder.path, options: options) }
  }

  @Test func missingLabelSaysWhereItWouldBe() throws {
    #expect(
      try refusal { _ = try open([("a.png", ""), ("a.json", "{}")]).requiredLabel(0) }
        == #"x.tar:a.png: no label: expected a file ".cls" of the image's name in the archive, which has ".json" files"#
    )
    #expect(
      try refusal { _ = try openDataset(write("u.tsv", Array("a.png\n".utf8))).requiredLabel(0) }
        == "a.png: no label: expected path<TAB>label in each line")
    try write("t-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7])
    #expect(
      try refusal { _ = try openDataset(folder.file("t-images-idx3-ubyte")).requiredLabel(0) }
        == #"t-images-idx3-ubyte[0]: no label: expected labels in "t-labels-idx1-ubyte" or "t-labels-idx1-ubyte.gz""#
    )
    try write("t-labels.idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 1, 5])
    #expect(try openDataset(folder.file("t-images-idx3-ubyte")).requiredLabel(0) == 5)
  }

  @Test func shardsOfNamesShareOneNumbering() throws {
    for (name, label) in [("s-0.tar", "dog"), ("s-1.tar", "cat"), ("s-2.tar", "dog")] {
      try write(name, tar([("0.png", pixel), ("0.cls", Array(label.utf8))]))
    }
    let dataset = try openDataset(folder.file("s-{0..2}.tar"))
    #expect(dataset.classNames == ["cat", "dog"])
    #expect(labels(dataset) == [1, 0, 1])
    try write("s-2.tar", tar([("0.png", pixel), ("0.cls", [0x31])]))
    #expect(
      try refusal { _ = try openDataset(folder.file("s-{0..2}.tar")) }
        == "s-2.tar: expected named classes as in the other parts, found none")
  }
}
