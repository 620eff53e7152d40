import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-average --max-shard-size` and `--shard`.
@Suite struct AverageShardTests {
  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
  }

  @Test(arguments: ["mean", "ema"]) func shardsEqualOneProcess(_ method: String) throws {
    let folder = try TemporaryFolder()
    let common = try Fixtures.series() + ["--method", method, "--max-shard-size", "100K", "--quiet"]
    #expect(try Tool.run("ckpt-average", common + ["-o", folder.file("whole")]).status == 0)
    for index in [2, 0, 1] {
      let outcome = try Tool.run(
        "ckpt-average", common + ["--shard", "\(index)/3", "-o", folder.file("set")])
      #expect(outcome.status == 0, "\(outcome.messages)")
    }
    let expected = try names(folder.file("whole"))
    #expect(try names(folder.file("set")) == expected)
    for name in expected {
      #expect(try bytes(folder.file("set/\(name)")) == bytes(folder.file("whole/\(name)")), "\(name)")
    }
    // The same tensors as in one file.
    #expect(
      try Tool.run(
        "ckpt-average", try Fixtures.series() + ["--method", method, "-q", "-o", folder.file("one")]
      ).status == 0)
    #expect(try Tool.run("ckpt-info", ["diff", folder.file("one"), folder.file("set")]).status == 0)
  }

  @Test(arguments: [
    (["--shard", "0/2"], "--shard divides the files of a set"),
    (["--max-shard-size", "1M"], "--max-shard-size needs a folder"),
    (["--max-shard-size", "0", "-o", "x"], "--max-shard-size must not be 0"),
    (["--max-shard-size", "1M", "-o", "x", "--state", "s"], "--state goes with neither"),
    (
      ["--max-shard-size", "1M", "--shard", "0/2", "-o", "x", "--report", "r"], "--report is for one process"
    ),
    (["--max-shard-size", "1M", "--shard", "0/2", "-o", "x", "--last", "2,3"], "--shard makes one output"),
    (["--max-shard-size", "1M", "-o", "x.pth"], "only safetensors files can be sharded"),
  ])
  func misunderstandingsAreUsageErrors(_ options: [String], _ message: String) throws {
    let outcome = try Tool.run("ckpt-average", try Fixtures.series() + options)
    #expect(outcome.status == 64)
    #expect(outcome.messages.contains(message), "\(outcome.messages)")
  }

  /// Directories of large runs in a folder are its series.
  @Test func seriesOfDirectories() throws {
    let folder = try TemporaryFolder()
    for step in [10, 9, 8] {
      let value = TensorValue(f32: [Float(step), 1], shape: [2])
      try DistributedFolder([
        .init(["model", "a.weight"], value, cutAlong: 0, ranks: 2), .init(["model", "a.bias"], value),
      ]).write(to: folder.file("run/step-\(step)"))
    }
    try FileManager.default.createDirectory(
      atPath: folder.file("run/logs"), withIntermediateDirectories: true)
    let outcome = try Tool.run("ckpt-average", ["--series", folder.file("run"), "--dry-run"])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let lines = outcome.text.split(separator: "\n").prefix(3)
    #expect(zip(lines, 8...10).allSatisfy { $0.hasSuffix("step-\($1)") }, "\(outcome.text)")
    let info = try Tool.run("ckpt-info", [folder.file("run/step-8")])
    #expect(info.text.contains("torch.distributed.checkpoint of 2 files, state dict \"model\""))
    #expect(try Tool.run("ckpt-info", ["verify", folder.file("run/step-8")]).status == 0)
  }
}
