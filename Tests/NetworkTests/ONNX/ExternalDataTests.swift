import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import NetworkGraphs

/// Data in other files, which a model must not lead astray.
struct ExternalDataTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.file("model")
    try FileManager.default.createDirectory(atPath: model + "/sub", withIntermediateDirectories: true)
    let floats: [Float] = [1, 2, 3, 4]
    let data = floats.withUnsafeBytes { Data($0) }
    for name in ["outside", "model/weights", "model/sub/weights"] {
      try data.write(to: URL(fileURLWithPath: folder.file(name)))
    }
    try FileManager.default.createSymbolicLink(
      atPath: model + "/link", withDestinationPath: folder.file("outside"))
    try FileManager.default.createSymbolicLink(atPath: model + "/up", withDestinationPath: folder.path)
    mkfifo(model + "/fifo", 0o600)
  }

  private func read(_ entries: [String: String]) throws -> [Float] {
    var maker = ONNXMaker()
    maker.external("w", [2], entries)
    let parsed = try maker.parsed(folder: model)
    return try ONNXCheckpoint(parsed).value("w").floats()
  }

  @Test func partsOfFiles() throws {
    #expect(try read(["location": "weights"]) == [1, 2])
    #expect(try read(["location": "weights", "offset": "8", "length": "8"]) == [3, 4])
    #expect(try read(["location": "sub/weights", "offset": "4"]) == [2, 3])
  }

  @Test(arguments: [
    ("/etc/passwd", "not a file inside"), ("../outside", "not a file inside"),
    ("sub/../../outside", "not a file"),
    ("./weights", "not a file"), ("", "names no file"), ("sub//weights", "not a file"),
    ("a\0b", "not a file"),
    ("link", "symbolic link"), ("up/outside", "symbolic link"), ("fifo", "no regular file"),
    ("sub", "no regular file"), ("nothing", "cannot open"), ("weights/x", "symbolic link"),
  ])
  func filesThatAreNotOpened(location: String, reason: String) throws {
    let error = try #require(throws: ONNXError.self) { try read(["location": location]) }
    #expect(error.description.contains(reason), "\(error)")
  }

  @Test(arguments: [
    (["offset": "9"], "ends at byte 16"), (["offset": "-1"], "no number"), (["offset": "x"], "no number"),
    (["length": "7"], "found a length of 7"), (["offset": "9223372036854775807"], "beyond any file's end"),
    (["offset": "99999999999999999999"], "no number"),
  ])
  func rangesThatDoNotFit(entries: [String: String], reason: String) throws {
    let error = try #require(throws: ONNXError.self) {
      try read(entries.merging(["location": "weights"]) { $1 })
    }
    #expect(error.description.contains(reason), "\(error)")
  }
}
