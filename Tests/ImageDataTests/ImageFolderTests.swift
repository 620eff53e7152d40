import Foundation
import TestSupport
import Testing

@testable import ImageData

@Suite struct ImageFolderTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func add(_ path: String, _ golden: String = "grey-1x1.png") throws {
    let target = URL(fileURLWithPath: folder.file(path))
    try FileManager.default.createDirectory(
      at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(ImageGolden.file(golden)).write(to: target)
  }

  private func names(_ dataset: any ImageDataset) -> [String] {
    (0..<dataset.count).map { String(dataset.itemName($0).dropFirst(folder.path.count + 1)) }
  }

  /// The order that `torchvision.datasets.ImageFolder(root).samples` gives for these files.
  @Test func orderIsTorchvisions() throws {
    for path in [
      "b/z.JPG", "b/a.txt", "b/B.png", "b/sub/1.jpeg", "b/sub-x/2.png", "b/sub/deep/0.webp", "a/x.png",
      "B/y.png",
      ".hidden/.dot.png", "10/q.png", "9/q.png", "é/q.png", "stray.png",
    ] { try add(path) }
    let dataset = try openDataset(folder.path)
    #expect(dataset.classNames == [".hidden", "10", "9", "B", "a", "b", "é"])
    #expect(
      names(dataset) == [
        ".hidden/.dot.png", "10/q.png", "9/q.png", "B/y.png", "a/x.png", "b/B.png", "b/z.JPG",
        "b/sub/1.jpeg", "b/sub-x/2.png", "b/sub/deep/0.webp", "é/q.png",
      ])
    #expect((0..<dataset.count).map { dataset.label($0) } == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 6])
    #expect(dataset.name == folder.path)
    #expect(try dataset.image(4).width == 1)
  }

  @Test func imagesWithoutClassFoldersAreUnlabelled() throws {
    try add("2.png")
    try add("10.png")
    try add("notes.txt")
    let dataset = try openDataset(folder.path + "/")
    #expect(names(dataset) == ["10.png", "2.png"])
    #expect(dataset.classNames == nil)
    #expect(dataset.label(0) == nil)
  }

  @Test func classFolderWithoutImagesIsAnError() throws {
    try add("a/1.png")
    try add("b/readme.txt")
    #expect(throws: ImageDataError.emptyClasses(path: folder.path, classes: ["b"])) {
      try openDataset(folder.path)
    }
  }

  @Test func emptyFolderIsAnError() throws {
    #expect(throws: ImageDataError.emptyDataset(path: folder.path, found: "the folder is empty")) {
      try openDataset(folder.path)
    }
    try add("readme.txt")
    #expect(throws: ImageDataError.emptyDataset(path: folder.path, found: "one other file, \"readme.txt\"")) {
      try openDataset(folder.path)
    }
  }

  @Test func missingPathIsNoInput() throws {
    let error = try #require(throws: ImageDataError.self) { try openDataset(folder.file("absent")) }
    #expect(error.kind == .noInput)
    #expect(error.description == "\(folder.path)/absent: No such file or directory")
  }

  @Test func fileOfNoKnownKindIsAnError() throws {
    try add("x")
    let error = try #require(throws: ImageDataError.self) { try openDataset(folder.file("x")) }
    #expect(error.kind == .badData)
    let null = try #require(throws: ImageDataError.self) { try openDataset("/dev/null") }
    #expect(null.description.hasSuffix("found neither a file nor a folder"))
  }

  @Test func linksAreFollowedButNotInCircles() throws {
    try add("elsewhere/deep/1.png")
    try add("data/a/2.png")
    let link = folder.file("data/b")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.file("elsewhere"))
    #expect(names(try openDataset(folder.file("data"))) == ["data/a/2.png", "data/b/deep/1.png"])
    let loop = folder.file("elsewhere/deep/loop")
    try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: folder.file("elsewhere"))
    #expect(throws: ImageDataError.linkLoop(path: folder.file("data/b/deep/loop"))) {
      try openDataset(folder.file("data"))
    }
  }

  @Test func namesThatAreNotUTF8AreOpened() throws {
    try add("a/1.png")
    let odd = Array("\(folder.path)/a/".utf8) + [0xff, 0xfe] + Array(".png".utf8)
    rename(folder.file("a/1.png"), odd.map(CChar.init(bitPattern:)) + [0])
    let dataset = try openDataset(folder.path)
    #expect(try dataset.image(0).height == 1)
    #expect(dataset.itemName(0).hasSuffix("\u{fffd}.png"))
  }

  @Test func pipeAmongTheImagesDoesNotBlock() throws {
    try add("a/1.png")
    #expect(mkfifo(folder.file("a/2.png"), 0o600) == 0)
    let dataset = try openDataset(folder.path)
    #expect(throws: ImageDataError.badImage(item: folder.file("a/2.png"), reason: "not a regular file")) {
      try dataset.image(1)
    }
  }

  @Test func messagesStayOnOneLine() {
    let error = ImageDataError.badImage(item: "a\nb\u{1b}[2J.jpg", reason: "x")
    #expect(error.description == "a\\nb\\u{1b}[2J.jpg: x")
  }
}
