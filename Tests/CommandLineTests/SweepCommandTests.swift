import Foundation
import TestSupport
import Testing

/// What only the built `ckpt-sweep` shows: streams, files and exit statuses.
@Suite struct SweepCommandTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")

  func sweep(_ arguments: [String], in folder: TemporaryFolder) throws -> Tool.Outcome {
    try Tool.run("ckpt-sweep", arguments.map { $0.replacingOccurrences(of: "OUT", with: folder.path) })
  }

  @Test func shardsMergedAreTheWhole() throws {
    let folder = try TemporaryFolder()
    let grid = [Self.model, "--data", Self.val, "--resize", "56,64", "--crop", "48", "--quiet"]
    for index in 0..<2 {
      let part = try sweep(grid + ["--shard", "\(index)/2", "--state", "OUT/part-\(index)"], in: folder)
      #expect(part.status == 0, "\(part.messages)")
      #expect(part.output.isEmpty)
    }
    let merged = try sweep(
      ["--merge", "OUT/part-1", "OUT/part-0", "--format", "json", "--quiet"], in: folder)
    let whole = try sweep(grid + ["--format", "json"], in: folder)
    #expect(merged.status == 0, "\(merged.messages)")
    #expect(merged.output == whole.output)
    let missing = try sweep(["--merge", "OUT/part-1"], in: folder)
    #expect(missing.status == 65)
    #expect(missing.messages.contains("shard 0 of 2 is missing"))
  }

  @Test func aCheckpointOnStandardOutputMovesTheTable() throws {
    let folder = try TemporaryFolder()
    let arguments = [Self.model, "--data", Self.val, "--crop", "48,56", "--quiet"]
    let named = try sweep(arguments + ["-o", "OUT/named"], in: folder)
    let piped = try sweep(arguments + ["-o", "-"], in: folder)
    #expect(try piped.output == Data(contentsOf: URL(fileURLWithPath: folder.file("named"))))
    #expect(piped.messages == named.text)
    #expect(named.text.contains("* chosen"))
  }

  @Test func filesAreWrittenWhereAskedFor() throws {
    let folder = try TemporaryFolder()
    let run = try sweep(
      [
        Self.model, "--data", Self.val, "--crop", "48", "--plot", "OUT/a.svg", "--predictions", "OUT/p.npy",
        "--quiet",
      ], in: folder)
    #expect(run.status == 0, "\(run.messages)")
    let array = try Data(contentsOf: URL(fileURLWithPath: folder.file("p.npy")))
    #expect(array.count == 128 + 450 * 4)
    #expect(String(decoding: array.dropFirst(10).prefix(118), as: UTF8.self).contains("'shape': (1, 450)"))
    #expect(try String(contentsOfFile: folder.file("a.svg"), encoding: .utf8).hasPrefix("<svg"))
  }

  @Test(arguments: [
    (["--data", "x", "--merge", "y"], "--merge"), (["--data", "x", "--shard", "0/2"], "--state"),
    (["--data", "x", "--race", "--select", "kfold:3"], "--race"),
    (["--data", "x", "--ensemble", "-o", "y"], "ensemble"), (["--data", "x", "--predictions", "y"], ".npy"),
    (["--data", "x", "--select", "kfold:1"], "--select"), ([], "--data"),
  ])
  func wrongRequestsAreRefused(arguments: [String], mention: String) throws {
    let run = try sweep([Self.model] + arguments, in: TemporaryFolder())
    #expect(run.status == 64)
    #expect(run.messages.contains(mention), "\(run.messages)")
  }
}
