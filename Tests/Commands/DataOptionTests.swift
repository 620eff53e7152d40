import Checkpoint
import Foundation
import TestSupport
import Testing

/// The options that choose images and say how they are read.
@Suite struct DataOptionTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func run(_ tool: String, _ arguments: [String]) throws -> Tool.Outcome {
    try Tool.run(tool, arguments.map { $0.replacingOccurrences(of: "OUT", with: folder.path) })
  }

  /// The tensors that `ckpt-bnfix` writes.
  func statistics(_ arguments: [String]) throws -> String {
    let out = folder.file("out.safetensors")
    let outcome = try run("ckpt-bnfix", [Self.model, "--crop", "40", "--quiet", "-o", out] + arguments)
    #expect(outcome.status == 0, "\(outcome.messages)")
    return try contentDigest(of: openCheckpoint(.path(out)))
  }

  /// One column of the only row of a sweep.
  func sweep(_ column: String, _ arguments: [String]) throws -> String {
    let outcome = try run(
      "ckpt-sweep", [Self.model, "--resize", "45", "--crop", "40", "--format", "tsv", "--quiet"] + arguments)
    #expect(outcome.status == 0, "\(outcome.messages)")
    let lines = outcome.text.split(separator: "\n").map { $0.split(separator: "\t") }
    return String(lines[1][lines[0].firstIndex(of: Substring(column))!])
  }

  /// A copy of some of the digits, with files added that are no pictures.
  func copy(damaged: [String]) throws -> String {
    let manager = FileManager.default
    for label in 0..<10 {
      try manager.createDirectory(atPath: folder.file("data/\(label)"), withIntermediateDirectories: true)
      for name in try manager.contentsOfDirectory(atPath: "\(Self.val)/\(label)").sorted().prefix(4) {
        try manager.copyItem(
          atPath: "\(Self.val)/\(label)/\(name)", toPath: folder.file("data/\(label)/\(name)"))
      }
    }
    for name in damaged {
      try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder.file("data/\(name)")))
    }
    return folder.file("data")
  }

  @Test func badImagesAreLeftOutAndCounted() throws {
    let data = try copy(damaged: [])
    let clean = try statistics(["--data", data, "--no-shuffle"])
    let table = try sweep("loss", ["--data", data])
    _ = try statistics(["--data", data, "--skip-bad", "3"])
    let bad = ["0/0.jpg", "7/zz.png"]
    for name in bad {
      try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder.file("data/\(name)")))
    }
    #expect(try statistics(["--data", data, "--no-shuffle", "--skip-bad", "2"]) == clean)
    #expect(try sweep("loss", ["--data", data, "--skip-bad", "9"]) == table)
    #expect(try sweep("n", ["--data", data, "--skip-bad", "2"]) == "40")
    for tool in ["ckpt-bnfix", "ckpt-fixres", "ckpt-sweep"] {
      let arguments = [Self.model, "--data", data, "--crop", "40", "-o", "OUT/o.safetensors"]
      let tolerant = try run(
        tool, arguments + ["--skip-bad", "2"] + (tool == "ckpt-fixres" ? ["--epochs", "1"] : []))
      #expect(tolerant.status == 0, "\(tolerant.messages)")
      #expect(
        tolerant.messages.contains(
          "warning: \(data): 2 of 42 images skipped because they cannot be decoded; the first: \(data)/"),
        "\(tolerant.messages)")
      let strict = try run(tool, arguments + ["--skip-bad", "1", "--quiet"])
      #expect(strict.status == 65)
      #expect(strict.messages.contains("--skip-bad allows 1, this is one more"))
      #expect(strict.messages.split(separator: "\n").count == 1)
    }
  }

  @Test func layerSynchronousStatisticsSkipTheSameImages() throws {
    let data = try copy(damaged: ["4/x.jpg"])
    let some = ["--data", data, "--sync", "layer", "--skip-bad", "1"]
    #expect(
      try statistics(some + ["--batch-size", "8"])
        == statistics(some + ["--batch-size", "8", "--threads", "1"]))
  }

  @Test func limitAndSample() throws {
    #expect(try sweep("n", ["--data", Self.val, "--limit", "13"]) == "13")
    #expect(try sweep("n", ["--data", Self.val, "--sample", "20"]) == "20")
    let losses = try ["0", "0", "1"].map {
      try sweep("loss", ["--data", Self.val, "--sample", "20", "--seed", $0])
    }
    #expect(losses[0] == losses[1] && losses[1] != losses[2])
    let out = folder.file("out.safetensors")
    let fixed = try run(
      "ckpt-bnfix", [Self.model, "--data", Self.val, "--crop", "40", "--sample", "20", "--quiet", "-o", out])
    #expect(fixed.status == 0)
    let history = try #require(openCheckpoint(.path(out)).metadata["ckpt.history"])
    #expect(history.contains(#""images":20"#) && history.contains(#""sample":20"#), "\(history)")
  }

  @Test func classMapNumbersTheFolders() throws {
    // Reversed classes: nearly every prediction becomes wrong.
    try (0..<10).reversed().map { "\($0) digit" }.joined(separator: "\n")
      .write(toFile: folder.file("map"), atomically: true, encoding: .utf8)
    let usual = try Double(sweep("top1", ["--data", Self.val]))!
    let reversed = try Double(sweep("top1", ["--data", Self.val, "--class-map", "OUT/map"]))!
    #expect(reversed < usual / 3)
    try "0\n1\n".write(toFile: folder.file("map"), atomically: true, encoding: .utf8)
    let short = try run("ckpt-sweep", [Self.model, "--data", Self.val, "--class-map", "OUT/map"])
    #expect(short.status == 65)
    #expect(short.messages.contains("no name for the class \"2\" of \(Self.val)"), "\(short.messages)")
  }

  @Test func exifAndFastDecodeChangePixels() throws {
    let fast = try statistics(
      ["--data", Self.val, "--no-shuffle", "--fast-decode", "--crop", "20", "--resize", "20"])
    let slow = try statistics(["--data", Self.val, "--no-shuffle", "--crop", "20", "--resize", "20"])
    #expect(fast != slow)
    try FileManager.default.createDirectory(atPath: folder.file("exif"), withIntermediateDirectories: true)
    for number in 1...8 {
      try FileManager.default.copyItem(
        atPath: Fixtures.path("goldens/ImageData/corpus/exif-\(number).jpg"),
        toPath: folder.file("exif/\(number).jpg"))
    }
    let stored = try statistics(["--data", "OUT/exif", "--no-shuffle"])
    let upright = try statistics(["--data", "OUT/exif", "--no-shuffle", "--exif"])
    #expect(stored != upright)
  }

  @Test func resizeModesAndRatios() throws {
    let base = ["--data", Self.val, "--limit", "40", "--no-shuffle"]
    let ratio = try statistics(base + ["--ratio", "0.8"])
    #expect(try ratio == statistics(base + ["--crop-pct", "0.8"]))
    #expect(try ratio == statistics(base + ["--resize", "50"]))
    #expect(try ratio != statistics(base + ["--resize", "50", "--resize-mode", "squash"]))
    _ = try statistics(base + ["--resize-mode", "border"])
    let metadata = try openCheckpoint(.path(folder.file("out.safetensors"))).metadata
    #expect(metadata["ckpt.resize_mode"] == "border")
    let both = try run("ckpt-bnfix", [Self.model, "--data", Self.val, "--resize", "50", "--ratio", "0.8"])
    #expect(both.status == 64)
  }

  @Test(arguments: [
    ["--augment", "train"], ["--augment", "train", "--mixup", "0.2", "--cutmix", "1"],
    [
      "--augment", "train", "--area", "0.5,1", "--aspect", "1,1", "--hflip", "0", "--color-jitter", "0.4",
      "--auto-augment", "ta_wide", "--random-erase", "0.5",
    ],
  ])
  func trainingTransformsAreTheSameInShards(_ options: [String]) throws {
    let base = ["--data", Self.val, "--limit", "100", "--batch-size", "16"] + options
    let whole = try statistics(base + ["--threads", "1"])
    #expect(try statistics(base + ["--threads", "3"]) == whole)
    #expect(try statistics(base + ["--seed", "1"]) != whole)
    for shard in 0..<2 {
      let part = try run(
        "ckpt-bnfix",
        [Self.model, "--crop", "40", "--quiet", "--shard", "\(shard)/2", "--stats-out", "OUT/part-\(shard)"]
          + base)
      #expect(part.status == 0, "\(part.messages)")
    }
    #expect(try statistics(["--merge", folder.file("part-1"), folder.file("part-0")]) == whole)
  }

  @Test(arguments: [
    ["--limit", "0"], ["--sample", "-1"], ["--skip-bad", "-1"], ["--area", "0.5,2"], ["--area", "1"],
    ["--hflip", "2"], ["--color-jitter", "1,2"], ["--color-jitter", "0.1,0.1,0.1,0.6"], ["--mixup", "0"],
    ["--ratio", "0"], ["--resize-mode", "crop"], ["--hflip", "0.5"],
  ])
  func badOptionsAreUsageErrors(_ options: [String]) throws {
    let outcome = try run("ckpt-bnfix", [Self.model, "--data", Self.val, "-o", "OUT/o"] + options)
    #expect(outcome.status == 64, "\(outcome.messages)")
    #expect(outcome.messages.contains(options[0]) || outcome.messages.contains("--augment train"))
  }

  /// Numbers that would overflow sums and products, or that are none, are usage errors of one line with the range.
  @Test(arguments: [
    ("ckpt-bnfix", "--skip-bad"), ("ckpt-bnfix", "--limit"), ("ckpt-bnfix", "--sample"),
    ("ckpt-bnfix", "--batch-size"), ("ckpt-bnfix", "--num-batches"), ("ckpt-bnfix", "--num-images"),
    ("ckpt-bnfix", "--crop"), ("ckpt-bnfix", "--resize"), ("ckpt-bnfix", "--threads"),
    ("ckpt-fixres", "--epochs"), ("ckpt-fixres", "--batch-size"), ("ckpt-fixres", "--plateau-patience"),
    ("ckpt-fixres", "--early-stop"), ("ckpt-fixres", "--ema-every"), ("ckpt-fixres", "--swa-start"),
    ("ckpt-fixres", "--step-size"), ("ckpt-fixres", "--lr-batch"), ("ckpt-fixres", "--views"),
    ("ckpt-fixres", "--num-classes"), ("ckpt-sweep", "--batch-size"), ("ckpt-sweep", "--bnfix-images"),
    ("ckpt-sweep", "--skip-bad"), ("ckpt-average", "--best"), ("ckpt-average", "--count"),
  ]) func numbersHaveAnUpperBound(_ tool: String, _ option: String) throws {
    let inputs = tool == "ckpt-average" ? ["x"] : ["x", "--data", "y"]
    for value in ["9223372036854775807", "1000000000000000000", "-1"] {
      let outcome = try Tool.run(tool, inputs + ["\(option)=\(value)"])
      #expect(outcome.status == 64, "\(option) \(value): \(outcome.messages)")
      #expect(outcome.messages.contains("\(option) takes a number from"), "\(outcome.messages)")
    }
  }

  @Test(arguments: [
    ["--aspect", "1e-300,1e300"], ["--color-jitter", "1e308"], ["--mixup", "1e-300"], ["--cutmix", "1e300"],
    ["--hflip", "nan"],
  ]) func realNumbersHaveBounds(_ options: [String]) throws {
    let outcome = try Tool.run(
      "ckpt-fixres", ["x", "--data", "y", "--augment", "train", "--reread"] + options)
    #expect(outcome.status == 64, "\(outcome.messages)")
    #expect(outcome.messages.contains(options[0]), "\(outcome.messages)")
  }
}
