import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-fixres` on features that several processes, or a sweep, have computed.
@Suite struct FixResShareTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func run(_ arguments: [String], tool: String = "ckpt-fixres") throws -> Tool.Outcome {
    try Tool.run(tool, [Self.model] + arguments)
  }

  func bytes(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
  }

  /// Computes the features of all shards and returns the files.
  func share(_ options: [String], shards: Int, as name: String = "part") throws -> [String] {
    try (0..<shards).map { index in
      let path = folder.file("\(name)-\(index)")
      let outcome = try run(
        ["--data", Self.train, "--shard", "\(index)/\(shards)", "--features", path] + options)
      try #require(outcome.status == 0, "\(outcome.messages)")
      #expect(outcome.output.isEmpty)
      return path
    }
  }

  static let methods: [[String]] = [
    ["--crop", "56", "--limit", "70"],
    ["--train", "fc", "--limit", "70", "--augment", "train", "--views", "2", "--seed", "3"],
    ["--train", "last:1", "--limit", "40", "--augment", "flip", "--cache-dtype", "bf16"],
    ["--train", "fc", "--limit", "40", "--teacher", Fixtures.path("run-64/epoch-104.safetensors")],
    ["--train", "fc", "--num-classes", "10", "--sample", "60", "--seed", "2"],
  ]

  @Test(arguments: methods) func givesTheBytesOfOneProcess(_ options: [String]) throws {
    let training = ["--epochs", "2", "--val", Self.val, "--early-stop", "3"]
    let one = try run(["--data", Self.train, "-o", folder.file("one")] + options + training)
    try #require(one.status == 0, "\(one.messages)")
    // Options of the training are no part of the features.
    let parts = try share(options + ["--epochs", "7", "--early-stop", "3", "--lr", "0.5"], shards: 3)
    // In any order, and through a scratch file.
    let runs: [(name: String, extra: [String])] = [("merged", []), ("scratch", ["--memory", "1K"])]
    for (name, extra) in runs {
      var arguments = ["--merge"]
      arguments += parts.reversed()
      arguments += ["-o", folder.file(name)]
      let merged = try run(arguments + options + training + extra)
      #expect(merged.status == 0, "\(merged.messages)")
      #expect(try bytes(name) == bytes("one"))
      #expect(merged.messages == one.messages)
    }
    #expect(try Set(folder.listing()) == ["merged", "one", "part-0", "part-1", "part-2", "scratch"])
  }

  /// One line that names the file and the difference.
  @Test func refusesForeignParts() throws {
    let options = ["--train", "fc", "--limit", "20", "--augment", "train", "--views", "2"]
    let parts = try share(options, shards: 2)
    let foreign: [(changes: [String], problem: String)] = [
      (["--crop", "56"], "preprocessing"), (["--seed", "1"], "seed: expected \"1\", found \"0\""),
      (["--views", "3"], "views"), (["--exact"], "arithmetic"), (["--hflip", "0"], "transforms"),
      (["--train", "fc+bn"], "frozen layers"), (["--cache-dtype", "f16"], "element type"),
      (["--num-classes", "9"], "number of classes"), (["--teacher", Self.model], "distillation"),
    ]
    func expectRefusal(_ arguments: [String], _ problem: String) throws {
      let outcome = try run(arguments + ["-o", folder.file("out")])
      #expect(outcome.status == 65, "\(problem): \(outcome.messages)")
      #expect(outcome.messages.contains(problem), "\(problem): \(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").last?.contains(problem) ?? false)
      #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }
    for (changes, problem) in foreign {
      try expectRefusal(
        ["--merge"] + parts + options + changes, "part-0: its features differ in \(problem)")
    }
    try expectRefusal(["--merge", parts[1]] + options, "parts missing for shard 0/2; --merge takes")
    try expectRefusal(["--merge", parts[0], parts[0]] + options, "part-0: is shard 0/2 again")
    // The same options on other images.
    let others = try (0..<2).map { index in
      let path = folder.file("val-\(index)")
      let outcome = try run(
        ["--data", Self.val, "--shard", "\(index)/2", "--features", path] + options)
      try #require(outcome.status == 0, "\(outcome.messages)")
      return path
    }
    try expectRefusal(["--merge", parts[0], others[1]] + options, "val-1: its features differ from those of")
    let other = Fixtures.path("run/epoch-101.safetensors")
    let merging = ["--merge"] + parts + options
    let outcome = try Tool.run("ckpt-fixres", [other] + merging + ["-o", folder.file("out")])
    #expect(outcome.status == 65 && outcome.messages.contains("differ in frozen layers"))
  }

  @Test(arguments: [
    ["--data", train, "--shard", "0/2"], ["--data", train, "--features", "x"],
    ["--data", train, "--merge", "x"], ["--shard", "0/2", "--features", "x", "--merge", "y"],
    ["--data", train, "--shard", "0/2", "--features", "-"],
    ["--data", train, "--shard", "0/2", "--features", "x", "--val", val],
    ["--data", train, "--shard", "0/2", "--features", "x", "-o", "y"],
    ["--data", train, "--shard", "0/2", "--features", "x", "--reread"],
    ["--data", train, "--shard", "0/2", "--features", "x", "--plot", "y.svg"],
    ["--data", train, "--shard", "0/2", "--features", "x", "--state", "y"],
    ["--merge", "x", "--reread"], ["--merge", "x", "--cache", "."], ["--epochs", "1"],
  ])
  func optionsThatContradictAreRefused(_ options: [String]) throws {
    let outcome = try run(options)
    #expect(outcome.status == 64, "\(outcome.messages)")
  }

  // MARK: Features of a sweep

  static let view = ["--resize", "64", "--crop", "56"]

  func sweep(_ data: String, _ name: String, _ extra: [String] = []) throws -> String {
    let path = folder.file(name)
    let outcome = try run(["--data", data, "--features", path] + Self.view + extra, tool: "ckpt-sweep")
    try #require(outcome.status == 0, "\(outcome.messages)")
    return path
  }

  func losses(_ data: String, _ val: String) throws -> [Double] {
    let outcome = try run(
      [
        "--data", data, "--val", val, "--train", "fc", "--epochs", "3", "--report", folder.file("r.json"),
        "-o", folder.file("out"),
      ] + Self.view)
    try #require(outcome.status == 0, "\(outcome.messages)")
    let report = try JSON.parse([UInt8](bytes("r.json")))
    return try #require(report["epochs"]?.arrayValue).flatMap { epoch in
      try ["train", "validation"].map { try #require(epoch[$0]?["loss"]?.doubleValue) }
    }
  }

  /// Each of the two sets may be images or features.
  @Test func trainsTheClassifierOnTheFeaturesOfASweep() throws {
    let (train, val) = try (
      sweep(Self.train, "train.safetensors"), sweep(Self.val, "val.safetensors")
    )
    let expected = try losses(Self.train, Self.val)
    for (data, validation) in [(train, val), (train, Self.val), (Self.train, val)] {
      let found = try losses(data, validation)
      #expect(found.count == 6)
      #expect(zip(expected, found).allSatisfy { abs($0 - $1) < 1e-5 }, "\(expected) \(found)")
    }
  }

  /// Stored logits are those of the same images.
  @Test func aTeacherOfFeaturesIsStoredLogits() throws {
    let data = try sweep(
      Self.val, "val.safetensors", ["--logits", folder.file("logits.safetensors")])
    let arguments =
      ["--data", data, "--train", "fc", "--epochs", "1", "-o", folder.file("out")] + Self.view
    let stored = try run(arguments + ["--teacher", folder.file("logits.safetensors")])
    #expect(stored.status == 0, "\(stored.messages)")
    let network = try run(arguments + ["--teacher", Self.model])
    #expect(network.status == 64 && network.messages.contains("sees images"), "\(network.messages)")
  }

  @Test func refusesFeaturesThatAreNotOfTheClassifier() throws {
    let data = try sweep(Self.val, "val.safetensors")
    func expectRefusal(_ options: [String], _ status: Int32, _ problem: String) throws {
      let outcome = try run(["--data", data, "-o", folder.file("out")] + options)
      #expect(outcome.status == status && outcome.messages.contains(problem), "\(outcome.messages)")
    }
    let classifier = ["--train", "fc"] + Self.view
    try expectRefusal(Self.view, 64, "give --train fc")
    try expectRefusal(["--train", "fc", "--bn", "recalibrate"] + Self.view, 64, "no --bn but frozen")
    try expectRefusal(
      ["--train", "fc", "--crop", "48", "--resize", "54"], 65, "expected ckpt.crop 48, found 56")
    try expectRefusal(classifier + ["--augment", "flip"], 64, "--augment")
    try expectRefusal(classifier + ["--limit", "5"], 64, "--limit")
    try expectRefusal(classifier + ["--exif"], 64, "--exif is about images")
    try expectRefusal(classifier + ["--num-classes", "9"], 65, "labels of 10 classes, expected 9")
    let other = try Tool.run(
      "ckpt-fixres",
      [Fixtures.path("run/epoch-101.safetensors"), "--data", data, "-o", folder.file("out")] + classifier)
    #expect(other.status == 65 && other.messages.contains("another checkpoint"), "\(other.messages)")
    let shared = try run(
      ["--data", data, "--shard", "0/2", "--features", folder.file("part")] + classifier)
    #expect(shared.status == 64 && shared.messages.contains("holds features"), "\(shared.messages)")
  }
}
