import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-fixres` as scripts use it.
@Suite struct FixResTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")

  /// A quick run on the validation split; `extra` are further arguments.
  func tune(_ folder: TemporaryFolder, _ output: String, _ extra: [String]) throws -> Tool.Outcome {
    try Tool.run(
      "ckpt-fixres",
      [Self.model, "--data", Self.val, "--crop", "56", "--epochs", "3", "-o", folder.file(output)] + extra)
  }

  func bytes(_ folder: TemporaryFolder, _ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
  }

  @Test func cacheScratchAndResumeChangeNoByte() throws {
    let folder = try TemporaryFolder()
    let cache = folder.file("cache")
    try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: false)
    let runs: [(String, [String])] = [
      ("plain", []), ("first", ["--cache", cache]), ("again", ["--cache", cache]),
      ("scratch", ["--memory", "1K"]), ("state", ["--resume", folder.file("run.state")]),
      ("resumed", ["--resume", folder.file("run.state")]),
    ]
    for (name, extra) in runs {
      let outcome = try tune(folder, name, extra)
      #expect(outcome.status == 0, "\(name): \(outcome.messages)")
      #expect(try bytes(folder, name) == bytes(folder, "plain"), "\(name)")
    }
    let foreign = try tune(folder, "foreign", ["--resume", folder.file("run.state"), "--lr", "0.5"])
    #expect(foreign.status == 65 && foreign.messages.contains("run.state"))
  }

  @Test func reportHasEveryEpochAndTheComparison() throws {
    let folder = try TemporaryFolder()
    let outcome = try tune(
      folder, "out", ["--val", Self.val, "--report", folder.file("r.json"), "--plot", folder.file("p.svg")])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let report = try JSON.parse([UInt8](bytes(folder, "r.json")))
    #expect(report["schema"]?.intValue == 1)
    let epochs = try #require(report["epochs"]?.arrayValue)
    #expect(epochs.count == 3 && epochs.allSatisfy { $0["validation"]?["n"]?.intValue == 450 })
    let validation = try #require(report["validation"])
    let before = try #require(validation["before"]?["top1"]?.doubleValue)
    let after = try #require(validation["after"]?["top1"]?.doubleValue)
    let difference = try #require(validation["difference"]?.doubleValue)
    #expect(abs(after - before - difference) < 1e-12)
    #expect(try String(decoding: bytes(folder, "p.svg"), as: UTF8.self).hasPrefix("<svg"))
  }

  @Test func divergenceLeavesTheOutputAlone() throws {
    let folder = try TemporaryFolder()
    try Data("old".utf8).write(to: URL(fileURLWithPath: folder.file("out")))
    let outcome = try tune(folder, "out", ["--lr", "1e30"])
    #expect(outcome.status == 65)
    #expect(outcome.messages.contains("epoch 1, step "), "\(outcome.messages)")
    #expect(try bytes(folder, "out") == Data("old".utf8))
  }

  @Test func teacherLogitsMustFitTheImages() throws {
    let folder = try TemporaryFolder()
    try writeCheckpoint(
      ["logits": TensorValue(f32: Array(repeating: 0, count: 20), shape: [2, 10])], metadata: Metadata(),
      to: .path(folder.file("logits")))
    let outcome = try tune(folder, "out", ["--teacher", folder.file("logits")])
    #expect(outcome.status == 65 && outcome.messages.contains("[450, 10]"), "\(outcome.messages)")
  }

  @Test func aNewClassifierNamesItsClasses() throws {
    let folder = try TemporaryFolder()
    let wrong = try tune(folder, "out", ["--num-classes", "7"])
    #expect(wrong.status == 65 && wrong.messages.contains("10 classes"), "\(wrong.messages)")
    #expect(try tune(folder, "out", ["--num-classes", "10"]).status == 0)
    let result = try openCheckpoint(.path(folder.file("out")))
    #expect(result.metadata["ckpt.classes"] == #"["0","1","2","3","4","5","6","7","8","9"]"#)
  }
}
