import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-bnfix` as scripts use it.
@Suite struct BNFixTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")

  func fix(_ folder: TemporaryFolder, _ output: String, model: String = model, _ extra: [String]) throws
    -> Tool.Outcome
  {
    try Tool.run("ckpt-bnfix", [model, "--data", Self.train, "-o", folder.file(output)] + extra)
  }

  /// The last checkpoint with some tensors replaced (or left out, by nil).
  func variant(
    _ folder: TemporaryFolder, _ file: String = "variant",
    _ change: (TensorName, TensorValue) throws -> TensorValue?
  ) throws -> String {
    let source = try openCheckpoint(.path(Self.model))
    var tensors: [TensorName: TensorValue] = [:]
    for spec in source.tensors { tensors[spec.name] = try change(spec.name, source.value(spec.name)) }
    try writeCheckpoint(tensors, metadata: source.metadata, to: .path(folder.file(file)))
    return folder.file(file)
  }

  func statistics(_ path: String) throws -> [TensorName: [Double]] {
    let source = try openCheckpoint(.path(path))
    return try Dictionary(
      uniqueKeysWithValues: source.tensors.filter { $0.name.string.contains("running_") }.map {
        ($0.name, try source.value($0.name).doubles())
      })
  }

  @Test func layerSynchronousStatisticsDoNotDependOnBatches() throws {
    let folder = try TemporaryFolder()
    for size in ["4", "32", "256"] {
      let outcome = try fix(folder, size, ["--sync", "layer", "--num-images", "256", "--batch-size", size])
      #expect(outcome.status == 0, "\(outcome.messages)")
    }
    let whole = try statistics(folder.file("256"))
    for size in ["4", "32"] {
      for (name, values) in try statistics(folder.file(size)) {
        let scales =
          name.string.hasSuffix("_var")
          ? try #require(whole[name])
          : try #require(whole[TensorName(name.string.replacing("running_mean", with: "running_var"))])
            .map { $0.squareRoot() }
        for (index, (a, b)) in zip(values, whole[name]!).enumerated() {
          #expect(abs(a - b) <= 1e-6 * scales[index], "\(name) [\(index)] at \(size)")
        }
      }
    }
  }

  @Test func trainingTransformsAreThoseOfTheSeed() throws {
    let folder = try TemporaryFolder()
    let augmented = ["--augment", "train", "--num-images", "64", "--mixup", "0.2", "--cutmix", "1"]
    let runs: [(String, [String])] = [
      ("a", augmented), ("b", augmented + ["--threads", "1"]), ("c", augmented + ["--seed", "1"]),
      ("d", ["--num-images", "64"]),
    ]
    for (name, options) in runs { #expect(try fix(folder, name, options).status == 0) }
    let found = try runs.map { try statistics(folder.file($0.0)) }
    #expect(found[0] == found[1])
    #expect(found[0] != found[2] && found[0] != found[3])
  }

  @Test func shardsOfTrainingTransformsMakeTheSameBytes() throws {
    let folder = try TemporaryFolder()
    let options = ["--data", Self.train, "--augment", "train", "--mixup", "0.4", "--num-images", "144"]
    #expect(try fix(folder, "single", Array(options.dropFirst(2))).status == 0)
    let parts = (0..<3).map { folder.file("part-\($0)") }
    for (index, part) in parts.enumerated() {
      let outcome = try Tool.run(
        "ckpt-bnfix", [Self.model, "--shard", "\(index)/3", "--stats-out", part] + options)
      #expect(outcome.status == 0, "\(outcome.messages)")
    }
    let merged = try Tool.run(
      "ckpt-bnfix", [Self.model, "-o", folder.file("merged"), "--merge"] + parts.reversed())
    #expect(merged.status == 0, "\(merged.messages)")
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: folder.file("merged")))
        == Data(contentsOf: URL(fileURLWithPath: folder.file("single"))))
  }

  @Test func aNotANumberNamesTensorLayerAndBatch() throws {
    let folder = try TemporaryFolder()
    try Data("old".utf8).write(to: URL(fileURLWithPath: folder.file("out")))
    let bad = try variant(folder) { name, value in
      guard name == "layer2.0.conv1.weight" else { return value }
      var values = try value.floats()
      values[5] = .nan
      return TensorValue(f32: values, shape: value.shape)
    }
    for sync in ["batch", "layer"] {
      let outcome = try fix(folder, "out", model: bad, ["--sync", sync, "--num-images", "64"])
      #expect(outcome.status == 65)
      for part in ["variant", "layer2.0.conv1.weight", "element 5", "layer2.0.bn1", "batch 0"] {
        #expect(outcome.messages.contains(part), "\(outcome.messages)")
      }
      #expect(outcome.messages.count { $0 == "\n" } == 1)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("out"))) == Data("old".utf8))
  }

  @Test func aBatchOfOneValueIsRefusedByEveryEstimator() throws {
    let folder = try TemporaryFolder()
    for estimator in ["pooled", "torch"] {
      let outcome = try fix(
        folder, "out", ["--crop", "32", "--num-images", "33", "--estimator", estimator])
      #expect(
        outcome.status == 65 && outcome.messages.contains("batch 1 has one value"), "\(outcome.messages)")
    }
  }

  @Test func frozenLayersStay() throws {
    let folder = try TemporaryFolder()
    let partly = try variant(folder) { name, value in
      name.string.hasPrefix("layer1") && name.string.hasSuffix("num_batches_tracked") ? nil : value
    }
    let outcome = try fix(folder, "out", model: partly, ["--num-images", "64"])
    #expect(outcome.status == 0 && outcome.messages.contains("4 frozen BatchNorm layers"))
    let (before, after) = (try statistics(partly), try statistics(folder.file("out")))
    for (name, values) in before {
      #expect((after[name] == values) == name.string.hasPrefix("layer1"), "\(name)")
    }
    #expect(try fix(folder, "all", model: partly, ["--num-images", "64", "--layers", "."]).status == 0)
    #expect(try fix(folder, "plain", ["--num-images", "64"]).status == 0)
    #expect(try statistics(folder.file("all")) == statistics(folder.file("plain")))
  }

  @Test func layersWithoutScaleAndShift() throws {
    let folder = try TemporaryFolder()
    func isAffine(_ name: TensorName) -> Bool {
      name.string.hasSuffix("bn2.weight") || name.string.hasSuffix("bn2.bias")
    }
    let bare = try variant(folder, "bare") { isAffine($0) ? nil : $1 }
    let ones = try variant(folder, "ones") { name, value in
      guard isAffine(name) else { return value }
      let fill: Float = name.string.hasSuffix("weight") ? 1 : 0
      return TensorValue(f32: Array(repeating: fill, count: value.elementCount), shape: value.shape)
    }
    #expect(try fix(folder, "bare-out.st", model: bare, ["--num-images", "64"]).status == 0)
    #expect(try fix(folder, "ones-out.st", model: ones, ["--num-images", "64"]).status == 0)
    #expect(try statistics(folder.file("bare-out.st")) == statistics(folder.file("ones-out.st")))
  }

  @Test func theReportNamesDeadAndConstantChannels() throws {
    let folder = try TemporaryFolder()
    let sick = try variant(folder) { name, value in
      var values = try value.dtype == .f32 ? value.floats() : []
      switch name {
      case "layer1.0.bn1.weight": values[0] = 0
      case "layer1.0.conv2.weight": for index in 0..<81 { values[4 * 81 + index] = 0 }
      default: return value
      }
      return TensorValue(f32: values, shape: value.shape)
    }
    let outcome = try fix(
      folder, "out", model: sick, ["--num-images", "64", "--report", folder.file("report")])
    #expect(outcome.status == 0)
    #expect(outcome.messages.contains("1 channel whose input is constant"), "\(outcome.messages)")
    let report = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("report")))))
    let layers = try #require(report["layers"]?.arrayValue)
    func count(_ layer: String, _ key: String) -> Int? {
      layers.first { $0["name"]?.stringValue == layer }?[key]?.intValue
    }
    #expect(count("layer1.0.bn1", "dead_channels") == 1 && count("layer1.0.bn2", "dead_channels") == 0)
    #expect(count("layer1.0.bn2", "constant_channels") == 1)
  }

  @Test func theGateDecides() throws {
    let folder = try TemporaryFolder()
    let stale = folder.file("stale")
    #expect(try Tool.run("ckpt-bnfix", [Self.model, "--reset-only", "-o", stale]).status == 0)
    let gate = ["--gate", Self.val, "--require", "better"]
    let better = try fix(folder, "better", model: stale, gate)
    #expect(better.status == 0 && better.messages.contains("95 % interval"), "\(better.messages)")
    let again = try fix(folder, "again", model: folder.file("better"), gate)
    #expect(again.status == 1 && again.messages.contains("nothing written"), "\(again.messages)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("again")))
    #expect(
      try fix(folder, "same", model: folder.file("better"), ["--gate", Self.val, "--require", "not-worse"])
        .status
        == 0)
  }

  // MARK: Gates of a command

  /// A command that prints `before` for the model as it is, and `after` for any other statistics.
  private func scoring(_ before: String, _ after: String, _ folder: TemporaryFolder) throws -> [String] {
    let script = """
      if [ -e \(folder.file("seen")) ]; then echo "\(after)"; else touch \(folder.file("seen")); echo "\(before)"; fi; test -s "$1"
      """
    return ["--gate-eval", script, "--num-images", "32"]
  }

  @Test(arguments: [
    ("0.5", "0.6", "better", "max", Int32(0)), ("0.5", "0.5", "better", "max", 1),
    ("0.5", "0.5", "not-worse", "max", 0), ("0.5", "0.4", "not-worse", "max", 1),
    ("0.5", "0.4", "better", "min", 0), ("1 2 3", "2 3.1 4", "better", "max", 0),
    ("1 2 3", "2 1 4", "better", "max", 1), ("1 2 3", "2 1 4", "not-worse", "max", 0),
    ("3 4 5", "1 2.1 3", "not-worse", "max", 1), ("mean IoU: 0.5", "mean IoU: 0.6", "better", "max", 0),
  ])
  func commandsDecideByTheirScores(
    before: String, after: String, verdict: String, mode: String, status: Int32
  ) throws {
    let folder = try TemporaryFolder()
    let gate = try scoring(before, after, folder) + ["--require", verdict, "--gate-mode", mode]
    let outcome = try fix(folder, "out", gate)
    #expect(outcome.status == status, "\(outcome.messages)")
    #expect(FileManager.default.fileExists(atPath: folder.file("out")) == (status == 0))
  }

  @Test func commandsThatPrintNoPairsAreErrors() throws {
    let folder = try TemporaryFolder()
    let pairs = try fix(folder, "out", scoring("1 2", "1", folder))
    #expect(
      pairs.status == 65 && pairs.messages.contains("2 numbers before and 1 after"), "\(pairs.messages)")
    for printed in ["good", "epoch 3 0.71", "0.5 nan", "0.71 %", ""] {
      let words = try fix(folder, "out", ["--gate-eval", "echo \(printed)", "--num-images", "32"])
      #expect(words.status == 65 && words.messages.contains("expected to be a number"), "\(words.messages)")
    }
    let failing = try fix(folder, "out", ["--gate-eval", "exit 3", "--num-images", "32"])
    #expect(failing.status == 65 && failing.messages.contains("ended with status 3"), "\(failing.messages)")
  }

  @Test(arguments: [
    (["--gate-eval", "echo 1", "--gate", "digits/val"], "exclude each other"),
    (["--gate-mode", "min"], "needs --gate-eval"),
    (["--gate-eval", "echo 1", "--require", "better", "--margin", "0.01"], "--margin needs --gate:"),
    (["--resize-mode", "letterbox", "--resize", "64"], "takes no --resize"),
    (["--pad", "3"], "no meaning"), (["--pad", "256"], "--pad"),
    (["--layers", "bn", "--include-frozen"], "leave out --include-frozen"),
    (["--augment", "train", "--crop", "32x48"], "makes squares"),
    (["--mean", "1,2"], "has 2 numbers"),
  ])
  func optionsWithoutMeaningAreUsageErrors(options: [String], reason: String) throws {
    let folder = try TemporaryFolder()
    let outcome = try fix(folder, "out", options)
    #expect(outcome.status == 64 && outcome.messages.contains(reason), "\(outcome.messages)")
  }

  @Test func rectanglesAndLetterboxesAreRecorded() throws {
    let folder = try TemporaryFolder()
    let outcome = try fix(
      folder, "out",
      ["--crop", "32x48", "--resize-mode", "letterbox", "--channel-order", "bgr", "--num-images", "32"])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let metadata = try openCheckpoint(.path(folder.file("out"))).metadata
    #expect(metadata["ckpt.crop"] == "32x48" && metadata["ckpt.resize_mode"] == "letterbox")
    #expect(metadata["ckpt.channel_order"] == "bgr")
  }
}
