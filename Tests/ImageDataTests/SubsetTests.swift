import Foundation
import TestSupport
import Testing

@testable import ImageData

@Suite struct SubsetTests {
  private let folder: TemporaryFolder

  /// Class a has 6 images, b 3, c 1.
  init() throws {
    folder = try TemporaryFolder()
    let png = Data(try ImageGolden.file("grey-1x1.png"))
    for (name, count) in [("a", 6), ("b", 3), ("c", 1)] {
      try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
      for index in 0..<count { try png.write(to: URL(fileURLWithPath: folder.file("\(name)/\(index).png"))) }
    }
  }

  private func open(_ change: (inout DatasetOptions) -> Void) throws -> any ImageDataset {
    var options = DatasetOptions()
    change(&options)
    return try openDataset(folder.path, options: options)
  }

  private func labels(_ dataset: any ImageDataset) -> [Int] { (0..<dataset.count).map { dataset.label($0)! } }

  @Test func limitTakesTheFirst() throws {
    #expect(labels(try open { $0.limit = 7 }) == [0, 0, 0, 0, 0, 0, 1])
    #expect(try open { $0.limit = 100 }.count == 10)
  }

  @Test func sampleGivesEveryClassItsShare() throws {
    // 5 of 10: exact shares 3, 1.5 and 0.5; the lower of two equal remainders gets the image.
    #expect(labels(try open { $0.sample = 5 }) == [0, 0, 0, 1, 1])
    #expect(labels(try open { $0.sample = 10 }) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    #expect(try open { $0.sample = 99 }.count == 10)
    #expect(labels(try open { $0.sample = 1 }) == [0])
  }

  @Test func sampleFollowsTheSeed() throws {
    func names(_ seed: UInt64) throws -> [String] {
      let dataset = try open {
        $0.sample = 5
        $0.seed = seed
      }
      return (0..<5).map { dataset.itemName($0) }
    }
    #expect(try names(1) == names(1))
    #expect(try Set((0..<20).map { try names($0) }).count > 5)
    #expect(try Set(names(3)).count == 5)
  }

  @Test func cacheKeepsWhatFits() throws {
    // Each image has 3 bytes.
    let dataset = try openDataset(folder.path).cached(budget: 11)
    for index in 0..<10 { _ = try dataset.image(index) }
    try FileManager.default.removeItem(atPath: folder.path)
    for index in 0..<3 { #expect(try dataset.image(index).width == 1) }
    for index in 3..<10 { #expect(throws: ImageDataError.self) { try dataset.image(index) } }
    #expect(labels(dataset) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
  }

  @Test func classMapNumbersTheClasses() throws {
    let map = folder.file("map.txt")
    try "c third class\nz\tabsent\r\nb\na\n".write(toFile: map, atomically: true, encoding: .utf8)
    let dataset = try open { $0.classMap = map }
    #expect(dataset.classNames == ["c", "z", "b", "a"])
    // The images stay in the order of the folders, as in torchvision.
    #expect(labels(dataset) == [3, 3, 3, 3, 3, 3, 2, 2, 2, 0])
    try "a\nb\n".write(toFile: map, atomically: true, encoding: .utf8)
    #expect(
      throws: ImageDataError.badDataset(
        path: map, reason: "no name for the class \"c\" of \(folder.path): 2 names, the first \"a\"")
    ) { try open { $0.classMap = map } }
  }

  @Test func labelsAreCheckedAgainstTheClassifier() throws {
    let dataset = try openDataset(folder.path)
    try dataset.checkLabels(classCount: 3, classifier: "m")
    #expect(
      throws: ImageDataError.classCountMismatch(path: folder.path, found: 3, classifier: "m", expected: 4)
    ) { try dataset.checkLabels(classCount: 4, classifier: "m") }
    let shard = try openDataset(Fixtures.path("goldens/ImageData/shard-pax.tar"))
    try shard.checkLabels(classCount: 13, classifier: "m")
    let error = try #require(throws: ImageDataError.self) {
      try shard.checkLabels(classCount: 12, classifier: "m")
    }
    #expect(error.description.hasSuffix(": label 12, but m has 12 classes, numbered from 0"))
  }
}
