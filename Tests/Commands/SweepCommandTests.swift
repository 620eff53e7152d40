import Checkpoint
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

  /// Where this processor has no bfloat16 arithmetic, that is said.
  @Test func whatRoundingChangesIsReported() throws {
    let folder = try TemporaryFolder()
    let grid = [Self.model, "--data", Self.val, "--crop", "48", "--format", "json"]
    let version = try sweep(["--version"], in: folder)
    let rounded = try sweep(grid + ["--compute", "bf16"], in: folder)
    guard String(decoding: version.output, as: UTF8.self).contains("bf16") else {
      #expect(rounded.status == 64)
      #expect(rounded.messages.contains("leave out --compute bf16"))
      return
    }
    #expect(rounded.status == 0, "\(rounded.messages)")
    #expect(rounded.messages.contains("of 64 predictions differ from those of f32; logits by up to "))
    let plain = try sweep(grid, in: folder)
    func loss(_ outcome: Tool.Outcome) throws -> Double {
      try #require(JSON.parse(Array(outcome.output))["rows"]?.arrayValue?[0]["loss"]?.doubleValue)
    }
    let difference = try abs(loss(rounded) / loss(plain) - 1)
    #expect(difference > 0 && difference < 0.02)
    let both = try sweep(grid + ["--compute", "bf16", "--exact"], in: folder)
    #expect(both.status == 64)
    #expect(both.messages.contains("contradict"))
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

  @Test func recalibratedStatisticsAreThoseOfBnfix() throws {
    let folder = try TemporaryFolder()
    let train = Fixtures.path("digits/train")
    let chosen = try sweep(
      [
        Self.model, "--data", Self.val, "--resize", "60", "--crop", "56", "--interpolation", "bicubic",
        "--bnfix",
        train, "--bnfix-images", "80", "--bn", "recalibrated", "--seed", "3", "--quiet", "-o", "OUT/sweep",
        "--format", "json",
      ], in: folder)
    #expect(chosen.status == 0, "\(chosen.messages)")
    let fixed = try Tool.run(
      "ckpt-bnfix",
      [
        Self.model, "--data", train, "--num-images", "80", "--resize", "60", "--crop", "56",
        "--interpolation",
        "bicubic", "--seed", "3", "--quiet", "-o", folder.file("bnfix"),
      ])
    #expect(fixed.status == 0, "\(fixed.messages)")
    let (a, b) = try (
      openCheckpoint(.path(folder.file("sweep"))), openCheckpoint(.path(folder.file("bnfix")))
    )
    #expect(a.tensors.map(\.name) == b.tensors.map(\.name))
    for tensor in a.tensors {
      #expect(try a.value(tensor.name).bytes == b.value(tensor.name).bytes, "\(tensor.name)")
    }
    #expect(a.metadata["ckpt.bn"] == "recalibrated" && b.metadata["ckpt.bn"] == "recalibrated")
    #expect(a.metadata["ckpt.history"]?.contains(#""bnfix":{"data""#) == true)
    // What was written measures as it did in the sweep.
    let again = try sweep(
      ["OUT/sweep", "--data", Self.val, "--as-recorded", "--quiet", "--format", "json"], in: folder)
    let (first, second) = try (JSON.parse(Array(chosen.output)), JSON.parse(Array(again.output)))
    #expect(first["rows"]?.arrayValue?[0]["loss"] == second["rows"]?.arrayValue?[0]["loss"])
    #expect(first["rows"]?.arrayValue?[0]["batchnorm"]?.stringValue == "recalibrated")
  }

  /// Layers without a step counter were frozen in training, for both tools.
  @Test func frozenLayersStayAsInBnfix() throws {
    let folder = try TemporaryFolder()
    let source = try openCheckpoint(.path(Self.model))
    var tensors: [TensorName: TensorValue] = [:]
    for spec in source.tensors {
      let name = spec.name.string
      if name.hasPrefix("layer1") && name.hasSuffix("num_batches_tracked") { continue }
      tensors[spec.name] = try source.value(spec.name)
    }
    try writeCheckpoint(tensors, metadata: source.metadata, to: .path(folder.file("partly")))
    let size = ["--resize", "60", "--crop", "56", "--quiet"]
    let train = Fixtures.path("digits/train")
    let swept = try sweep(
      [
        "OUT/partly", "--data", Self.val, "--limit", "20", "--bnfix", train, "--bnfix-images", "64", "--bn",
        "recalibrated", "-o", "OUT/swept",
      ] + size, in: folder)
    let fixed = try Tool.run(
      "ckpt-bnfix",
      [folder.file("partly"), "--data", train, "--num-images", "64", "-o", folder.file("fixed")] + size)
    #expect(swept.status == 0 && fixed.status == 0, "\(swept.messages) \(fixed.messages)")
    let (a, b) = try (
      openCheckpoint(.path(folder.file("swept"))), openCheckpoint(.path(folder.file("fixed")))
    )
    for tensor in a.tensors {
      let bytes = try a.value(tensor.name).bytes
      #expect(try bytes == b.value(tensor.name).bytes, "\(tensor.name)")
      guard tensor.name.string.hasSuffix("running_mean") else { continue }
      #expect(
        try (bytes == source.value(tensor.name).bytes) == tensor.name.string.hasPrefix("layer1"),
        "\(tensor.name)")
    }
  }

  @Test func shardsWithRecalibrationMergeToTheWhole() throws {
    let folder = try TemporaryFolder()
    let grid = [
      Self.model, "--data", Self.val, "--crop", "48,56", "--bnfix", Fixtures.path("digits/train"),
      "--bnfix-images", "64", "--quiet",
    ]
    for index in 0..<2 {
      let part = try sweep(grid + ["--shard", "\(index)/2", "--state", "OUT/part-\(index)"], in: folder)
      #expect(part.status == 0, "\(part.messages)")
    }
    // A second run finds everything done, statistics too.
    let again = try sweep(grid + ["--shard", "1/2", "--state", "OUT/part-1"], in: folder)
    #expect(again.status == 0, "\(again.messages)")
    let merged = try sweep(
      [Self.model, "--merge", "OUT/part-1", "OUT/part-0", "--quiet", "-o", "OUT/merged"], in: folder)
    let whole = try sweep(grid + ["-o", "OUT/whole"], in: folder)
    #expect(merged.status == 0, "\(merged.messages)")
    #expect(merged.output == whole.output)
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: folder.file("merged")))
        == Data(contentsOf: URL(fileURLWithPath: folder.file("whole"))))
  }

  @Test func aReportIsOneObject() throws {
    let folder = try TemporaryFolder()
    let run = try sweep(
      [Self.model, "--data", Self.val, "--crop", "48,56", "--race", "--report", "OUT/r.json", "--quiet"],
      in: folder)
    #expect(run.status == 0, "\(run.messages)")
    let report = try JSON.parse(Array(Data(contentsOf: URL(fileURLWithPath: folder.file("r.json")))))
    #expect(report["schema"]?.intValue == 1)
    #expect(report["tool"]?.stringValue == "ckpt-sweep")
    #expect(report["checkpoints"]?.arrayValue?[0]["train_size"]?.intValue == 48)
    #expect(report["race"]?["settings"]?.intValue == 2)
    #expect(report["rows"]?.arrayValue?.count == 2)
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
    (["--data", "x", "--bn", "recalibrated"], "--bnfix"), (["--merge", "x", "--crop", "48"], "--merge"),
    (["--data", "x", "--bnfix", "y", "--bn", "stored"], "--bn"),
    (["--data", "x", "--pooling", "max"], "--pooling"),
  ])
  func wrongRequestsAreRefused(arguments: [String], mention: String) throws {
    let run = try sweep([Self.model] + arguments, in: TemporaryFolder())
    #expect(run.status == 64)
    #expect(run.messages.contains(mention), "\(run.messages)")
  }
}
