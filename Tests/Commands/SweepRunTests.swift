import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-sweep` with costs, confirmations, states that grow, and features.
@Suite struct SweepRunTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func sweep(_ arguments: [String]) throws -> Tool.Outcome {
    try Tool.run("ckpt-sweep", arguments.map { $0.replacing("OUT", with: folder.path) })
  }

  private func json(_ arguments: [String]) throws -> JSON {
    let outcome = try sweep(arguments + ["--format", "json", "--quiet"])
    #expect(outcome.status == 0, "\(outcome.messages)")
    return try JSON.parse(Array(outcome.output))
  }

  private func numbers(_ json: JSON, _ key: String) throws -> [Double] {
    try #require(json["rows"]?.arrayValue).map { try #require($0[key]?.doubleValue) }
  }

  // MARK: Costs

  @Test func latenciesAreMeasuredOnRequest() throws {
    let grid = [Self.model, "--data", Self.val, "--limit", "40", "--resize", "54,63", "--crop", "48,96"]
    let timed = try json(grid + ["--timing", "--threads", "1"])
    let (medians, tails) = try (numbers(timed, "latency_ms"), numbers(timed, "latency_p95_ms"))
    #expect(medians.count == 4 && zip(medians, tails).allSatisfy { $0 > 0 && $0 <= $1 })
    // Rows of one crop share the work, and so the measurement.
    let crops = try numbers(timed, "crop")
    for (crop, median) in zip(crops, medians) {
      let first = try #require(crops.firstIndex(of: crop))
      #expect(medians[first] == median)
    }
    #expect(timed["latency"]?["threads"]?.intValue == 1 && timed["latency"]?["runs"]?.intValue == 50)
    #expect(timed["pareto_front"]?["cost"]?.stringValue == "latency_ms")
    let front = try #require(timed["pareto_front"]?["rows"]?.arrayValue).compactMap(\.intValue)
    #expect(zip(front, front.dropFirst()).allSatisfy { medians[$0] <= medians[$1] })
    // The rest is what it is without: the same rows, the same choice.
    let plain = try json(grid)
    #expect(timed["selection"]?.encoded() == plain["selection"]?.encoded())
    #expect(try numbers(timed, "loss") == numbers(plain, "loss"))
    #expect(plain["latency"] == nil && plain["pareto_front"]?["cost"]?.stringValue == "multiply_adds")
    let marked = try #require(plain["rows"]?.arrayValue).indices.filter {
      plain["rows"]?.arrayValue?[$0]["pareto"] == .bool(true)
    }
    #expect(plain["pareto_front"]?["rows"]?.arrayValue?.compactMap(\.intValue).sorted() == marked)
    #expect(plain["rows"]?.arrayValue?[0]["architecture"]?.stringValue != nil)
  }

  @Test func budgetsInMillisecondsMeasure() throws {
    let grid = [Self.model, "--data", Self.val, "--limit", "20", "--crop", "48,96"]
    let wide = try json(grid + ["--budget", "1000000ms"])
    #expect(try numbers(wide, "latency_ms").count == 2)
    let none = try sweep(grid + ["--budget", "0.000001ms"])
    #expect(
      none.status == 65 && none.messages.contains("no setting costs at most 1e-06 ms"), "\(none.messages)")
    let table = try sweep(grid + ["--timing"]).text
    #expect(table.contains("p95 ms") && table.contains("^ no faster setting is as accurate"), "\(table)")
    #expect(table.contains("latency: median and 95th percentile of 50 runs on 1 image, after 5 others"))
    let csv = try sweep(grid + ["--timing", "--format", "csv", "--quiet"]).text
    #expect(csv.split(separator: "\r\n")[0].contains(",images_per_second,latency_ms,latency_p95_ms,"))
  }

  // MARK: Confirmation

  @Test func theChoiceIsComparedWithTheRecordedSetting() throws {
    // The checkpoint records these sizes.
    let sizes = ["--resize", "54", "--crop", "48"]
    let other = ["--resize", "73", "--crop", "64"]
    let run = try json(
      [Self.model, "--data", Self.val, "--confirm", Self.val, "-o", "OUT/chosen"] + other)
    let confirmation = try #require(run["selection"]?["confirmation"])
    let recorded = try #require(confirmation["recorded"])
    #expect(recorded["resize"]?.intValue == 54 && recorded["crop"]?.intValue == 48)
    // Both are what sweeps of their own measure on these images.
    let alone = try json([Self.model, "--data", Self.val] + sizes)
    let (first, second) = try (numbers(run, "top1")[0], numbers(alone, "top1")[0])
    #expect(confirmation["top1"]?.doubleValue == first && recorded["top1"]?.doubleValue == second)
    let difference = try #require(recorded["difference"]?.doubleValue)
    #expect(abs(difference - (first - second)) < 1e-12)
    let interval = try #require(recorded["interval"]?.arrayValue).compactMap(\.doubleValue)
    #expect(interval.count == 2 && interval[0] < difference && difference < interval[1])
    for part in [confirmation, recorded] {
      let bounds = try #require(part["top1_interval"]?.arrayValue).compactMap(\.doubleValue)
      let top1 = try #require(part["top1"]?.doubleValue)
      #expect(bounds.count == 2 && bounds[0] < top1 && top1 < bounds[1])
    }
    let metrics = try #require(openCheckpoint(.path(folder.file("chosen"))).metadata["ckpt.metrics"])
    let kept = try JSON.parse(Array(metrics.utf8))["confirmation"]
    #expect(kept?["recorded"]?.encoded() == recorded.encoded())
    let text = try sweep([Self.model, "--data", Self.val, "--confirm", Self.val] + other).text
    #expect(text.contains("; recorded resize 54, crop 48, bilinear: ") && text.contains("; difference "))
    // The recorded setting itself, and a checkpoint that records none, have nothing to be compared with.
    let source = try openCheckpoint(.path(Self.model))
    var tensors: [TensorName: TensorValue] = [:]
    for spec in source.tensors { tensors[spec.name] = try source.value(spec.name) }
    try writeCheckpoint(tensors, metadata: Metadata(), to: .path(folder.file("bare")))
    for arguments in [[Self.model] + sizes, ["OUT/bare"] + other] {
      let same = try json(arguments + ["--data", Self.val, "--confirm", Self.val])
      #expect(same["selection"]?["confirmation"]?["n"]?.intValue == 450)
      #expect(same["selection"]?["confirmation"]?["recorded"] == nil)
    }
  }

  // MARK: States

  @Test func aSizeIsAddedToAState() throws {
    let base = [Self.model, "--data", Self.val, "--limit", "60"]
    let state = ["--state", "OUT/state", "--verbose"]
    let first = try sweep(base + ["--crop", "48,56"] + state)
    #expect(first.status == 0, "\(first.messages)")
    let second = try sweep(base + ["--crop", "48,56,64", "--format", "json"] + state)
    #expect(second.messages.contains("known from the state: 2 of 3"), "\(second.messages)")
    #expect(try second.output == sweep(base + ["--crop", "48,56,64", "--format", "json"]).output)
    // Settings that are not asked for stay.
    let fewer = try sweep(base + ["--crop", "64"] + state)
    #expect(fewer.messages.contains("known from the state: 1 of 1"), "\(fewer.messages)")
    let again = try sweep(base + ["--crop", "56,48,64"] + state)
    #expect(again.messages.contains("known from the state: 3 of 3"), "\(again.messages)")
    #expect(try openCheckpoint(.path(folder.file("state"))).value("count").shape == [3])
  }

  @Test func recalibratedSizesAreAddedToo() throws {
    let base = [
      Self.model, "--data", Self.val, "--limit", "40", "--bnfix", Fixtures.path("digits/train"),
      "--bnfix-images", "64",
    ]
    let state = ["--state", "OUT/state", "--verbose"]
    // A state without such statistics, then with those of one size, then of two.
    #expect(try sweep([Self.model, "--data", Self.val, "--limit", "40", "--crop", "48"] + state).status == 0)
    #expect(try sweep(base + ["--crop", "48"] + state).messages.contains("known from the state: 1 of 2"))
    let both = try sweep(base + ["--crop", "48,56", "-o", "OUT/grown", "--format", "json"] + state)
    #expect(both.status == 0 && both.messages.contains("known from the state: 2 of 4"), "\(both.messages)")
    let fresh = try sweep(base + ["--crop", "48,56", "-o", "OUT/fresh", "--format", "json"])
    #expect(both.output == fresh.output)
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: folder.file("grown")))
        == Data(contentsOf: URL(fileURLWithPath: folder.file("fresh"))))
    let other = try sweep(base + ["--seed", "1", "--crop", "48", "--state", "OUT/state"])
    #expect(other.status == 65 && other.messages.contains("other images for BatchNorm"), "\(other.messages)")
  }

  @Test func statesOfOtherImagesAndModelsAreRefused() throws {
    func list(_ name: String, _ indices: [Int], _ label: (Int) -> Int) throws {
      let images = try FileManager.default.contentsOfDirectory(atPath: "\(Self.val)/3").sorted()
      let lines = indices.map { "\(Self.val)/3/\(images[$0])\t\(label($0))\n" }.joined()
      try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
    }
    try list("a.tsv", [0, 1, 2]) { _ in 3 }
    try list("same.tsv", [0, 1, 2]) { _ in 3 }
    try list("images.tsv", [0, 1, 3]) { _ in 3 }
    try list("labels.tsv", [0, 1, 2]) { $0 }
    func run(_ model: String, _ data: String) throws -> Tool.Outcome {
      try sweep([model, "--data", "OUT/\(data)", "--crop", "48", "--state", "OUT/state"])
    }
    #expect(try run(Self.model, "a.tsv").status == 0)
    // Names of the files do not matter.
    #expect(try run(Self.model, "same.tsv").status == 0)
    for (model, data, problem) in [
      (Self.model, "images.tsv", "has measurements of other images"),
      (Self.model, "labels.tsv", "has measurements of other images"),
      (Fixtures.path("run/epoch-100.safetensors"), "a.tsv", "has measurements of other checkpoints"),
    ] {
      let other = try run(model, data)
      #expect(other.status == 65 && other.messages.contains(problem), "\(other.messages)")
    }
  }

  // MARK: Features

  @Test func featuresComeWithLabelsAndNames() throws {
    let grid = [Self.model, "--data", Self.val, "--crop", "48,56", "--quiet"]
    let first = try sweep(grid + ["--features", "OUT/f.safetensors", "--logits", "OUT/l.safetensors"])
    #expect(first.status == 0, "\(first.messages)")
    let file = try openCheckpoint(.path(folder.file("f.safetensors")))
    #expect(Set(file.tensors.map(\.name)) == ["features", "labels", "names"])
    let (features, labels) = try (file.value("features"), file.value("labels"))
    #expect(features.dtype == .f32 && features.shape.count == 2 && features.shape[0] == 450)
    #expect(labels.dtype == .i64 && labels.shape == [450])
    let names = try file.value("names").bytes.split(separator: 0, omittingEmptySubsequences: false)
    #expect(names.count == 451 && names[450].isEmpty)
    for image in [0, 200, 449] {
      let name = String(decoding: names[image], as: UTF8.self)
      #expect(FileManager.default.fileExists(atPath: name), "\(name)")
      #expect(try name.contains("/\(Int(labels.doubles()[image]))/"))
    }
    #expect(file.metadata["ckpt.crop"] != nil)
    // The classifier makes the logits of them.
    let source = try openCheckpoint(.path(Self.model))
    let (weight, bias) = try (source.value("fc.weight").doubles(), source.value("fc.bias").doubles())
    let logits = try openCheckpoint(.path(folder.file("l.safetensors"))).value("logits").doubles()
    let values = try features.doubles()
    let width = features.shape[1]
    for image in [0, 123, 449] {
      for index in 0..<10 {
        let sum = (0..<width).reduce(bias[index]) {
          $0 + weight[index * width + $1] * values[image * width + $1]
        }
        #expect(abs(sum - logits[image * 10 + index]) < 1e-4)
      }
    }
    #expect(try sweep(grid + ["--features", "OUT/f.npy"]).status == 0)
    let array = try Data(contentsOf: URL(fileURLWithPath: folder.file("f.npy")))
    #expect(array.suffix(450 * width * 4).elementsEqual(features.bytes))
  }

  // MARK: Requests

  @Test func plotsAreWrittenInTheFormatOfTheirSuffix() throws {
    let grid = [Self.model, "--data", Self.val, "--limit", "20", "--crop", "48,56", "--quiet"]
    let picture = try sweep(grid + ["--plot", "OUT/a.png"])
    if picture.status == 0 {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.png")))
      #expect(bytes.prefix(4).elementsEqual([0x89, 0x50, 0x4E, 0x47]))
    } else {
      #expect(picture.status == 73 && picture.messages.contains("librsvg2-2"), "\(picture.messages)")
    }
    let other = try sweep(grid + ["--plot", "OUT/a.pdf"])
    #expect(other.status == 64 && other.messages.contains(".svg or .png"), "\(other.messages)")
    #expect(try folder.listing().allSatisfy { $0 == "a.png" })
  }

  @Test(arguments: [
    (["--merge", "x", "--timing"], "--timing"), (["--merge", "x", "--budget", "3ms"], "--budget"),
    (["--data", "x", "--shard", "0/2", "--state", "y", "--timing"], "--timing"),
    (["--merge", "x", "--features", "y.npy"], "--features"),
    (["--data", "x", "--shard", "0/2", "--state", "y", "--features", "z.npy"], "--features"),
    (["--data", "x", "--features", "y.txt"], "--features takes a file name"),
    (["--data", "x", "--ensemble", "--features", "y.npy"], "--ensemble"),
    (["--data", "x", "--pooling", "test-time", "--features", "y.npy"], "--pooling test-time"),
  ]) func whatHasNoMeaningIsUsage(arguments: [String], mention: String) throws {
    let run = try sweep([Self.model] + arguments)
    #expect(run.status == 64 && run.messages.contains(mention), "\(run.messages)")
  }
}
