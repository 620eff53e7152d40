import Checkpoint
import Foundation
import TestSupport
import Testing

/// Labels and scores beyond those of the data set's own classes: `ckpt-sweep` on subsets of classes, reassessed labels,
/// logits and temperatures.
@Suite struct ScoringTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")
  static let size = ["--resize", "54", "--crop", "48", "--quiet", "--format", "json"]

  private func sweep(_ arguments: [String]) throws -> Tool.Outcome {
    try Tool.run("ckpt-sweep", [Self.model] + arguments + Self.size)
  }

  private func report(_ arguments: [String]) throws -> JSON {
    let outcome = try sweep(arguments)
    #expect(outcome.status == 0, "\(outcome.messages)")
    return try JSON.parse(Array(outcome.output))
  }

  /// The paths of the validation images of some classes, in the order of the data set.
  private func images(of classes: [Int]) throws -> [(path: String, label: Int)] {
    try classes.flatMap { label in
      let folder = "\(Self.val)/\(label)"
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
        ("\(folder)/\($0)", label)
      }
    }
  }

  /// The logits of all validation images as `--logits` writes them.
  private func logits(_ folder: TemporaryFolder) throws -> [[Double]] {
    _ = try report(["--data", Self.val, "--logits", folder.file("all.safetensors")])
    let value = try openCheckpoint(.path(folder.file("all.safetensors"))).value("logits")
    #expect(value.shape == [450, 10])
    let values = try value.doubles()
    return (0..<450).map { Array(values[$0 * 10..<($0 + 1) * 10]) }
  }

  private func crossEntropy(_ logits: [Double], _ label: Int) -> Double {
    log(logits.reduce(0) { $0 + exp($1 - logits.max()!) }) + logits.max()! - logits[label]
  }

  @Test func logitsAreThoseThatWereScored() throws {
    let folder = try TemporaryFolder()
    let rows = try logits(folder)
    let labels = try images(of: Array(0..<10)).map(\.label)
    let row = try #require(report(["--data", Self.val])["rows"]?.arrayValue?[0])
    let right = zip(rows, labels).count { logits, label in logits.firstIndex(of: logits.max()!) == label }
    #expect(row["top1"]?.doubleValue == Double(right) / 450)
    let loss = zip(rows, labels).reduce(0) { $0 + crossEntropy($1.0, $1.1) } / 450
    #expect(try abs(loss - #require(row["loss"]?.doubleValue)) < 1e-6)
    // With a state they are measured again: the same bytes.
    _ = try Tool.run(
      "ckpt-sweep",
      [
        Self.model, "--data", Self.val, "--resize", "54", "--crop", "48", "--quiet",
        "--state", folder.file("state"), "--logits", folder.file("again.npy"),
      ])
    let array = try Data(contentsOf: URL(fileURLWithPath: folder.file("again.npy")))
    let whole = try openCheckpoint(.path(folder.file("all.safetensors"))).value("logits").bytes
    #expect(array.suffix(450 * 40).elementsEqual(whole))
  }

  @Test func aTeacherReadsLogits() throws {
    let folder = try TemporaryFolder()
    _ = try logits(folder)
    func losses(_ teacher: String) throws -> [Double] {
      let outcome = try Tool.run(
        "ckpt-fixres",
        [
          Self.model, "--data", Self.val, "--resize", "54", "--crop", "48", "--epochs", "2", "--teacher",
          teacher,
          "--report", folder.file("r.json"), "-o", folder.file("out"),
        ])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let report = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("r.json")))))
      return try #require(report["epochs"]?.arrayValue).compactMap { $0["train"]?["loss"]?.doubleValue }
    }
    _ = try report(["--data", Self.val, "--logits", folder.file("all.npy")])
    let network = try losses(Self.model)
    for name in ["all.safetensors", "all.npy"] {
      let stored = try losses(folder.file(name))
      #expect(network.count == 2 && zip(network, stored).allSatisfy { abs($0 - $1) < 1e-6 }, "\(name)")
    }
  }

  /// timm's rule: logits in the order of the list, labels are the folders' indices.
  @Test func validLabelsTakeTheLogitsInTheListsOrder() throws {
    let folder = try TemporaryFolder()
    let rows = try logits(folder)
    let all = try images(of: Array(0..<10))
    // Folders a, b and c stand for the outputs 8, 3 and 5.
    let outputs = [8, 3, 5]
    var expected: [(logits: [Double], label: Int)] = []
    for (place, output) in outputs.enumerated() {
      let target = folder.file("data/\(["a", "b", "c"][place])")
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
      for (image, item) in all.enumerated() where item.label == output {
        let name = URL(fileURLWithPath: item.path).lastPathComponent
        try FileManager.default.createSymbolicLink(
          atPath: "\(target)/\(name)", withDestinationPath: item.path)
        expected.append((outputs.map { rows[image][$0] }, place))
      }
    }
    try Data("8\n3\n5\n".utf8).write(to: URL(fileURLWithPath: folder.file("list")))
    let list = ["--valid-labels", folder.file("list")]
    let row = try #require(report(["--data", folder.file("data")] + list)["rows"]?.arrayValue?[0])
    let right = expected.count { item in item.logits.firstIndex(of: item.logits.max()!) == item.label }
    #expect(row["n"]?.intValue == expected.count)
    #expect(row["top1"]?.doubleValue == Double(right) / Double(expected.count))
    let loss = expected.reduce(0) { $0 + crossEntropy($1.logits, $1.label) } / Double(expected.count)
    #expect(try abs(loss - #require(row["loss"]?.doubleValue)) < 1e-6)
    // Without the list, three classes do not fit ten outputs.
    #expect(try sweep(["--data", folder.file("data")]).status == 65)
    let whole = try sweep(["--data", Self.val] + list)
    #expect(whole.status == 65 && whole.messages.contains("list"), "\(whole.messages)")
  }

  @Test(arguments: [
    ("8\n10\n", "line 2: expected a class from 0 to 9, found \"10\""), ("8\nx\n", "line 2"),
    ("", "one class"),
    ("8\n\n3\n", "line 2"), ("3\n8\n3\n", "line 3: class 3 is on line 1"), ("-1\n", "line 1"),
  ]) func otherListsAreRefused(text: String, message: String) throws {
    let folder = try TemporaryFolder()
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("list")))
    let outcome = try sweep(["--data", Self.val, "--valid-labels", folder.file("list")])
    #expect(outcome.status == 65 && outcome.messages.contains(message), "\(outcome.messages)")
  }

  /// Every image is named by a number; its list holds the true class, another, both or none, in turn.
  @Test func realLabelsJudgeByTheNumberInTheName() throws {
    let folder = try TemporaryFolder()
    let rows = try logits(folder)
    var lists: [[Int]] = []
    var (right, judged) = (0, 0)
    for (index, item) in try images(of: Array(0..<10)).enumerated() {
      let target = folder.file("data/\(item.label)")
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
      // Numbers run against the order of the data set.
      let number = "\(450 - index)"
      let name = "ILSVRC2012_val_" + String(repeating: "0", count: 8 - number.count) + number + "."
      let suffix = URL(fileURLWithPath: item.path).pathExtension
      try FileManager.default.createSymbolicLink(
        atPath: "\(target)/\(name)\(suffix)", withDestinationPath: item.path)
      let other = (item.label + 3) % 10
      lists.insert([[item.label], [other], [other, item.label], []][index % 4], at: 0)
    }
    // Within a class the names now sort the other way round, too.
    let all = try images(of: Array(0..<10))
    for (index, item) in all.enumerated() {
      let list = lists[450 - index - 1]
      guard !list.isEmpty else { continue }
      judged += 1
      right += list.contains(rows[index].firstIndex(of: rows[index].max()!)!) ? 1 : 0
      _ = item
    }
    try Data(
      JSON.array(lists.map { .array($0.map { JSON($0) }) }).encoded().utf8
    ).write(to: URL(fileURLWithPath: folder.file("real.json")))
    let real = ["--real-labels", folder.file("real.json")]
    let row = try #require(report(["--data", folder.file("data")] + real)["rows"]?.arrayValue?[0])
    #expect(row["real_n"]?.intValue == judged)
    #expect(row["real"]?.doubleValue == Double(right) / Double(judged))
    // The data set's own images have no such names.
    let unnamed = try sweep(["--data", Self.val] + real)
    #expect(unnamed.status == 65 && unnamed.messages.contains("ILSVRC2012_val_"), "\(unnamed.messages)")
    try Data("[[1]]".utf8).write(to: URL(fileURLWithPath: folder.file("short.json")))
    let short = try sweep(["--data", folder.file("data"), "--real-labels", folder.file("short.json")])
    #expect(short.status == 65 && short.messages.contains("the file has 1"), "\(short.messages)")
    for text in ["", "{}", "[]", "[1]", "[[1],[-2]]"] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("bad.json")))
      let bad = try sweep(["--data", folder.file("data"), "--real-labels", folder.file("bad.json")])
      #expect(bad.status == 65 && bad.messages.contains("expected a"), "\(bad.messages)")
    }
  }

  @Test func aTemperatureIsMeasuredAndRecorded() throws {
    let folder = try TemporaryFolder()
    let json = try report([
      "--data", Self.val, "--calibrate", "-o", folder.file("out"), "--report", folder.file("report.json"),
    ])
    let text = try Data(contentsOf: URL(fileURLWithPath: folder.file("report.json")))
    let full = try JSON.parse([UInt8](text))
    let temperature = try #require(full["temperature"])
    #expect(temperature["n"]?.intValue == 450)
    let (before, after) = try (
      #require(temperature["before"]?["loss"]?.doubleValue),
      #require(temperature["after"]?["loss"]?.doubleValue)
    )
    #expect(after < before)
    #expect(try abs(before - #require(full["rows"]?.arrayValue?[0]["loss"]?.doubleValue)) < 1e-6)
    let value = try #require(temperature["value"]?.doubleValue)
    #expect(try openCheckpoint(.path(folder.file("out"))).metadata["ckpt.temperature"] == "\(value)")
    _ = json
  }

  @Test func theReportHasClassesAndConfusion() throws {
    let folder = try TemporaryFolder()
    _ = try report(["--data", Self.val, "--report", folder.file("report.json")])
    let text = try Data(contentsOf: URL(fileURLWithPath: folder.file("report.json")))
    let json = try JSON.parse([UInt8](text))
    let classes = try #require(json["classes"]?.arrayValue)
    let cells = try #require(json["confusion"]?.arrayValue).map { $0.arrayValue!.map { $0.intValue! } }
    #expect(classes.count == 10 && classes[3]["name"]?.stringValue == "3")
    for (index, entry) in classes.enumerated() {
      #expect(entry["n"]?.intValue == cells.filter { $0[0] == index }.reduce(0) { $0 + $1[2] })
      #expect(entry["predicted"]?.intValue == cells.filter { $0[1] == index }.reduce(0) { $0 + $1[2] })
      #expect(entry["correct"]?.intValue == cells.first { $0[0] == index && $0[1] == index }?[2] ?? 0)
    }
    let row = try #require(json["rows"]?.arrayValue?[0])
    let recalls = classes.compactMap { $0["accuracy"]?.doubleValue }
    #expect(
      try abs(recalls.reduce(0, +) / 10 - #require(row["balanced_accuracy"]?.doubleValue)) < 1e-12)
  }

  @Test(arguments: ["balanced", "macro-f1", "brier"]) func settingsAreChosenByOtherMetrics(_ metric: String)
    throws
  {
    let outcome = try Tool.run(
      "ckpt-sweep",
      [
        Self.model, "--data", Self.val, "--crop", "40,48,64", "--metric", metric, "--format", "json",
        "--quiet",
      ])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let json = try JSON.parse(Array(outcome.output))
    let key = ["balanced": "balanced_accuracy", "macro-f1": "macro_f1", "brier": "brier"][metric]!
    let values = try #require(json["rows"]?.arrayValue).map { try #require($0[key]?.doubleValue) }
    let chosen = try #require(json["selection"]?["row"]?.intValue)
    #expect(values[chosen] == (metric == "brier" ? values.min() : values.max()))
    #expect(json["selection"]?[key]?.doubleValue == values[chosen])
    #expect(json["selection"]?["optimism"]?.doubleValue != nil)
  }

  @Test(arguments: [
    ["--logits", "x.txt"], ["--merge", "x", "--valid-labels", "y"],
    ["--data", val, "--shard", "0/2", "--state", "s", "--calibrate"],
  ]) func whatHasNoMeaningIsUsage(_ arguments: [String]) throws {
    let data = arguments.contains("--merge") || arguments.contains("--data") ? [] : ["--data", Self.val]
    let outcome = try Tool.run("ckpt-sweep", [Self.model] + data + arguments)
    #expect(outcome.status == 64, "\(outcome.messages)")
  }
}
