import Foundation
import Platform
import TestSupport
import Testing

@testable import Checkpoint

/// Sharded sets that several processes write together.
@Suite struct SharedSetTests {
  static let tensors = (0..<7).map { spec(TensorName("t\($0)"), .f32, [$0 + 1]) }

  /// Writes the files of one process, or of the only one.
  func write(
    _ folder: String, part: (index: Int, count: Int)? = nil, identity: String = "one", seed: Int = 0,
    configuration: ModelConfiguration? = nil, finishes: Bool = true
  ) throws {
    var options = WriteOptions()
    options.maxShardBytes = 24
    options.configuration = configuration
    options.part = part.map { SetPart(shard: Shard(index: $0.index, count: $0.count)!, identity: identity) }
    let writer = try CheckpointWriter(
      to: .path(folder), tensors: Self.tensors, metadata: Metadata(["format": "pt", "seed": "\(seed)"]),
      options: options)
    for spec in writer.order {
      let values = (0..<spec.elementCount).map { Float($0 * 10 + seed) }
      try writer.write(TensorValue(f32: values, shape: spec.shape))
    }
    if finishes { try writer.finish() }
  }

  /// Names and bytes of all files of a folder, but for the record of who wrote it.
  func contents(_ folder: TemporaryFolder, _ name: String) throws -> [String: [UInt8]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file(name))
    return Dictionary(
      uniqueKeysWithValues: try names.filter { $0 != ".model.identity" }.map {
        ($0, try folder.read("\(name)/\($0)"))
      })
  }

  @Test(arguments: [1, 2, 3, 9]) func partsGiveTheBytesOfOneProcess(_ count: Int) throws {
    let folder = try TemporaryFolder()
    try write(folder.file("whole"))
    for index in (0..<count).reversed() {
      #expect(!FileManager.default.fileExists(atPath: folder.file("set/model.safetensors.index.json")))
      try write(folder.file("set"), part: (index, count))
    }
    #expect(try contents(folder, "set") == contents(folder, "whole"))
    #expect(try readAll(folder.file("set")).count == 7)
  }

  @Test func configurationStandsNextToTheSet() throws {
    let folder = try TemporaryFolder()
    let configuration = ModelConfiguration(.object([("architecture", .string("resnet18"))]))
    try write(folder.file("whole"), configuration: configuration)
    for index in 0..<2 { try write(folder.file("set"), part: (index, 2), configuration: configuration) }
    #expect(try contents(folder, "set") == contents(folder, "whole"))
  }

  /// Killed before its files had names, and repeated after the set is complete: nothing changes.
  @Test func repeatedProcessesChangeNothing() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("whole"))
    try write(folder.file("set"), part: (0, 3), finishes: false)
    try write(folder.file("set"), part: (1, 3))
    try write(folder.file("set"), part: (1, 3))
    try write(folder.file("set"), part: (0, 3))
    #expect(!FileManager.default.fileExists(atPath: folder.file("set/model.safetensors.index.json")))
    try write(folder.file("set"), part: (2, 3))
    let complete = try contents(folder, "set")
    #expect(try complete == contents(folder, "whole"))
    for index in 0..<3 {
      try write(folder.file("set"), part: (index, 3))
      #expect(try contents(folder, "set") == complete)
    }
  }

  /// Killed amid the move: the mark is there, and some files have their place.
  @Test func interruptedMoveGoesOn() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("whole"))
    try write(folder.file("set"), part: (0, 2))
    let parts = folder.file("set/.parts-one")
    try write(folder.file("other"), part: (1, 2))
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("other/.parts-one")) {
      try FileManager.default.moveItem(
        atPath: folder.file("other/.parts-one/\(name)"), toPath: folder.file("set/\(name)"))
    }
    try folder.write([], to: "set/.parts-one/moving")
    try write(folder.file("set"), part: (0, 2))
    #expect(try contents(folder, "set") == contents(folder, "whole"))
    #expect(!FileManager.default.fileExists(atPath: parts))
  }

  /// Files that an earlier run has left never become part of another set.
  @Test func filesOfAnotherRunDoNotCount() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("set"), part: (0, 2), identity: "old", seed: 1)
    try write(folder.file("set"), part: (1, 2), identity: "new", seed: 2)
    #expect(!FileManager.default.fileExists(atPath: folder.file("set/model.safetensors.index.json")))
    try write(folder.file("set"), part: (0, 2), identity: "new", seed: 2)
    try write(folder.file("whole"), seed: 2)
    for (name, bytes) in try contents(folder, "whole") {
      #expect(try folder.read("set/\(name)") == bytes)
    }
  }

  /// Another set of fewer files replaces the old one, also after one process has written there.
  @Test func newSetReplacesTheOld() throws {
    let folder = try TemporaryFolder()
    for index in 0..<2 { try write(folder.file("set"), part: (index, 2), identity: "a", seed: 1) }
    try write(folder.file("set"), seed: 5)
    // The record of the first run no longer fits the index.
    for index in 0..<2 { try write(folder.file("set"), part: (index, 2), identity: "a", seed: 1) }
    try write(folder.file("whole"), seed: 1)
    #expect(try contents(folder, "set") == contents(folder, "whole"))
  }

  @Test func foldersThatCannotBeAreRefused() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "file")
    #expect(throws: CheckpointError.self) { try write(folder.file("file"), part: (0, 2)) }
    #expect(throws: CheckpointError.self) { try write(folder.file("none/set"), part: (0, 2)) }
  }
}
