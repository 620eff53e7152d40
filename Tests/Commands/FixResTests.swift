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
      ("scratch", ["--memory", "1K"]), ("state", ["--state", folder.file("run.state")]),
      // The former name of the option.
      ("resumed", ["--resume", folder.file("run.state")]),
    ]
    for (name, extra) in runs {
      let outcome = try tune(folder, name, extra)
      #expect(outcome.status == 0, "\(name): \(outcome.messages)")
      #expect(try bytes(folder, name) == bytes(folder, "plain"), "\(name)")
    }
    let foreign = try tune(folder, "foreign", ["--state", folder.file("run.state"), "--lr", "0.5"])
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

  /// A learning rate that ruins the network: never without a word, and with early stopping not at all.
  @Test func aResultWorseThanTheStartIsSaidAndAvoided() throws {
    let folder = try TemporaryFolder()
    let ruin = ["--val", Self.val, "--lr", "50"]
    let worse = try tune(folder, "worse", ruin)
    #expect(
      worse.status == 0 && worse.messages.contains("worse on the validation images"), "\(worse.messages)")
    let kept = try tune(folder, "kept", ruin + ["--early-stop", "1", "--report", folder.file("r.json")])
    #expect(kept.status == 0 && kept.messages.contains("the start kept"), "\(kept.messages)")
    #expect(!kept.messages.contains("images that also chose the epoch"))
    let better = try tune(folder, "better", ["--val", Self.val, "--lr", "1e-2", "--early-stop", "1"])
    #expect(better.messages.contains("images that also chose the epoch"), "\(better.messages)")
    let report = try JSON.parse([UInt8](bytes(folder, "r.json")))
    #expect(report["kept_epoch"]?.intValue == 0)
    #expect(report["validation"]?["chose_epoch"] == .bool(true))
    #expect(report["validation"]?["difference"]?.doubleValue == 0)
    let (before, after) = try (openCheckpoint(.path(Self.model)), openCheckpoint(.path(folder.file("kept"))))
    for tensor in before.tensors {
      #expect(try after.value(tensor.name).bytes == before.value(tensor.name).bytes, "\(tensor.name)")
    }
  }

  @Test func aMovingAverageThatHardlyMovesIsSaid() throws {
    let folder = try TemporaryFolder()
    // 3 epochs of 8 steps: 0.9999^24 of the start are left.
    let slow = try tune(folder, "slow", ["--ema", "0.9999"])
    #expect(slow.status == 0 && slow.messages.contains("hardly moves: after 24 updates"), "\(slow.messages)")
    #expect(slow.messages.contains("99.8 %"))
    #expect(try tune(folder, "newest", ["--ema", "0.01"]).messages.contains("hardly looks back"))
    #expect(try !tune(folder, "usual", ["--ema", "0.9"]).messages.contains("hardly"))
  }

  @Test func lbfgsSaysWhenItHasNotArrived() throws {
    let folder = try TemporaryFolder()
    let solver = ["--train", "fc", "--optimizer", "lbfgs", "--report", folder.file("r.json")]
    let short = try tune(folder, "short", solver)
    #expect(short.messages.contains("has not reached the minimum after 3 iterations"), "\(short.messages)")
    let whole = try tune(folder, "whole", solver + ["--epochs", "1000"])
    #expect(whole.status == 0 && !whole.messages.contains("not reached"), "\(whole.messages)")
    let report = try JSON.parse([UInt8](bytes(folder, "r.json")))
    #expect(report["optimality"]?["reached"] == .bool(true))
    #expect(try #require(report["optimality"]?["distance"]?.doubleValue) <= 0.01)
  }

  /// A teacher that is the student itself, seen through the same random transforms, agrees with it perfectly before the
  /// first step; logits of other views would not.
  @Test func aTeacherSeesTheStudentsViews() throws {
    let folder = try TemporaryFolder()
    let alone = [
      "--augment", "train", "--views", "2", "--train", "fc", "--lr", "1e-30", "--teacher", Self.model,
      "--temperature", "1", "--crop", "48", "--resize", "54",
    ]
    func loss(_ weight: String) throws -> Double {
      try losses(folder, alone + ["--distill-weight", weight])[0]
    }
    // The divergence of equal distributions is 0.
    #expect(try abs(loss("1")) < 1e-6)
    #expect(try loss("0") > 0.01)
    let stored = try tune(
      folder, "out", ["--augment", "train", "--teacher", try storedLogits(folder)])
    #expect(stored.status == 64 && stored.messages.contains("--augment train"), "\(stored.messages)")
  }

  private func storedLogits(_ folder: TemporaryFolder) throws -> String {
    try writeCheckpoint(
      ["logits": TensorValue(f32: Array(repeating: 0, count: 4500), shape: [450, 10])], metadata: Metadata(),
      to: .path(folder.file("logits")))
    return folder.file("logits")
  }

  func losses(_ folder: TemporaryFolder, _ extra: [String]) throws -> [Double] {
    let outcome = try tune(folder, "out", ["--report", folder.file("r.json")] + extra)
    #expect(outcome.status == 0, "\(outcome.messages)")
    let report = try JSON.parse([UInt8](bytes(folder, "r.json")))
    return try #require(report["epochs"]?.arrayValue).map { try #require($0["train"]?["loss"]?.doubleValue) }
  }

  @Test func imagesReadAnewGiveTheLossesOfCachedFeatures() throws {
    let folder = try TemporaryFolder()
    let cached = try losses(folder, [])
    let reread = try losses(folder, ["--reread"])
    #expect(zip(cached, reread).allSatisfy { abs($0 - $1) < 1e-5 }, "\(cached) \(reread)")
    let teacher = ["--teacher", Fixtures.path("run-64/epoch-104.safetensors")]
    let taught = try losses(folder, teacher)
    let taughtAnew = try losses(folder, teacher + ["--reread"])
    #expect(zip(taught, taughtAnew).allSatisfy { abs($0 - $1) < 1e-5 }, "\(taught) \(taughtAnew)")
  }

  @Test func mixingChangesTheLossAndResumes() throws {
    let folder = try TemporaryFolder()
    let mixed = ["--reread", "--augment", "train", "--mixup", "0.2", "--cutmix", "1"]
    let whole = try losses(folder, mixed)
    #expect(try whole != losses(folder, ["--reread", "--augment", "train"]))
    #expect(try whole != losses(folder, mixed + ["--seed", "1"]))
    let result = try {
      _ = try losses(folder, mixed); return try bytes(folder, "out")
    }()
    let state = ["--state", folder.file("run.state")]
    #expect(try tune(folder, "state", mixed + state).status == 0)
    #expect(try bytes(folder, "state") == result)
    #expect(try tune(folder, "state", mixed + state + ["--threads", "1"]).status == 0)
    #expect(try bytes(folder, "state") == result)
  }

  /// More layers: cache, scratch files, half-precision maps and resuming as with the classifier.
  @Test(arguments: [["--train", "last:1"], ["--train", "bn-affine:layer4", "--bn", "recalibrate"]])
  func blocksResumeAndReport(_ layers: [String]) throws {
    let folder = try TemporaryFolder()
    let options = layers + ["--val", Self.val, "--limit", "60", "--lr", "0.01", "--optimizer", "adamw"]
    let plain = try tune(folder, "plain", options + ["--report", folder.file("r.json")])
    #expect(plain.status == 0, "\(plain.messages)")
    #expect(plain.messages.contains("tensors before the classifier moved by"), "\(plain.messages)")
    let state = ["--resume", folder.file("run.state")]
    for (name, extra) in [
      ("scratch", ["--memory", "1K"]), ("cache", ["--cache", folder.path]), ("state", state),
      ("resumed", state), ("thread", ["--threads", "1"]),
    ] {
      let outcome = try tune(folder, name, options + extra)
      #expect(outcome.status == 0, "\(name): \(outcome.messages)")
      #expect(try bytes(folder, name) == bytes(folder, "plain"), "\(name)")
    }
    let report = try JSON.parse([UInt8](bytes(folder, "r.json")))
    let tuned = try #require(report["tuned"]?.arrayValue)
    #expect(!tuned.isEmpty)
    for entry in tuned {
      #expect(try #require(entry["moved"]?.doubleValue) > 0)
      #expect(try #require(entry["name"]?.stringValue).hasPrefix("layer4."))
    }
  }

  @Test func unknownBlocksAreAnsweredWithTheirNames() throws {
    let outcome = try tune(try TemporaryFolder(), "out", ["--train", "from:layer5"])
    #expect(outcome.status == 64 && outcome.messages.contains("layer4.0, layer4.1"), "\(outcome.messages)")
    let many = try tune(try TemporaryFolder(), "out", ["--train", "last:9"])
    #expect(many.status == 64 && many.messages.contains("has 8 blocks"), "\(many.messages)")
  }

  static let contradictions = [
    ["--train", "last:1", "--optimizer", "lbfgs"], ["--train", "last:0"], ["--train", "from:"],
    ["--layer-decay", "0.5"], ["--train", "fc", "--drop-path", "0.1"], ["--micro-batch", "4"],
    ["--train", "last:1", "--layer-decay", "0"],
    ["--train", "last:1", "--micro-batch", "4", "--loss", "dice"],
    ["--cutmix", "1"], ["--reread", "--cache", "."], ["--reread", "--bn", "recalibrate"],
    ["--reread", "--train", "fc", "--optimizer", "lbfgs"], ["--mixup", "0"],
    ["--lamb-trust", "always"], ["--overlap-smoothing", "0"], ["--overlap-classes", "all"],
    ["--mixup", "1", "--teacher", model], ["--mixup", "1", "--train", "fc", "--optimizer", "lbfgs"],
  ]

  @Test(arguments: contradictions) func whatDoesNotGoTogetherIsUsage(_ options: [String]) throws {
    let outcome = try tune(try TemporaryFolder(), "out", options)
    #expect(outcome.status == 64, "\(outcome.messages)")
  }

  @Test func theHistoryHoldsNoPathsAndNoPrefixes() throws {
    let folder = try TemporaryFolder()
    #expect(try tune(folder, "out", ["--teacher", Self.model]).status == 0)
    let history = try #require(openCheckpoint(.path(folder.file("out"))).metadata["ckpt.history"])
    #expect(history.contains(#""data":"val""#) && history.contains(#""teacher":"crc32:"#))
    #expect(history.contains(#""crop":"56""#) && !history.contains("ckpt.crop") && !history.contains("/val"))
  }
}
