import Foundation
import TestSupport
import Testing

/// What the pipeline is for, measured on the held-out test split of the fixtures over three seeds.
@Suite struct GainTests {
  static let test = Fixtures.path("digits/test")

  func run(_ tool: String, _ arguments: [String]) throws -> String {
    let outcome = try Tool.run(tool, arguments + ["--quiet"])
    #expect(outcome.status == 0, "\(outcome.messages)")
    return outcome.text
  }

  /// Top-1 in points on the test split, with the checkpoint's own preprocessing unless sizes are given.
  func accuracy(_ checkpoint: String, sizes: [String] = ["--as-recorded"]) throws -> Double {
    let table = try run(
      "ckpt-sweep", [checkpoint, "--data", Self.test, "--select", "none", "--format", "tsv"] + sizes)
    let lines = table.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    let column = try #require(lines[0].firstIndex(of: "top1"))
    return 100 * (try #require(Double(lines[1][column])))
  }

  /// The training images dealt out to the classes at random, every class keeping its number of images.
  func shuffledLabels(_ folder: TemporaryFolder, seed: Int) throws -> String {
    let manager = FileManager.default
    var files: [(path: String, label: Int)] = []
    for label in 0..<10 {
      let source = Fixtures.path("digits/train/\(label)")
      files += try manager.contentsOfDirectory(atPath: source).sorted().map { ("\(source)/\($0)", label) }
      try manager.createDirectory(
        atPath: folder.file("shuffled/\(label)"), withIntermediateDirectories: true)
    }
    var state = UInt64(seed) + 1
    var labels = files.map(\.label)
    for place in labels.indices.reversed() {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      labels.swapAt(place, Int(state >> 33) % (place + 1))
    }
    for (index, file) in files.enumerated() {
      let name = "\(index).\(URL(fileURLWithPath: file.path).pathExtension)"
      try manager.createSymbolicLink(
        atPath: folder.file("shuffled/\(labels[index])/\(name)"), withDestinationPath: file.path)
    }
    return folder.file("shuffled")
  }

  @Test func everyStageGains() throws {
    let folder = try TemporaryFolder()
    let train = Fixtures.path("digits/train")
    let mean = folder.file("mean")
    _ = try run("ckpt-average", Fixtures.series() + ["-o", mean])
    let averaged = try accuracy(mean)

    var recalibration: [Double] = []
    var tuning: [Double] = []
    var tuningAlone: [Double] = []
    var shuffledTuning: [Double] = []
    for seed in 0..<3 {
      let bnfix = folder.file("bnfix-\(seed)")
      let atTestSize = folder.file("bnfix72-\(seed)")
      let fixres = folder.file("fixres-\(seed)")
      let shuffled = folder.file("shuffled-\(seed)")
      let seeded = ["--seed", "\(seed)"]
      let tuned = ["--crop", "72", "--lr", "1e-2"] + seeded
      _ = try run("ckpt-bnfix", [mean, "--data", train, "-o", bnfix] + seeded)
      _ = try run("ckpt-bnfix", [mean, "--data", train, "--crop", "72", "-o", atTestSize] + seeded)
      _ = try run("ckpt-fixres", [bnfix, "--data", train, "-o", fixres] + tuned)
      let dealt = try TemporaryFolder()
      let noise = try shuffledLabels(dealt, seed: seed)
      _ = try run("ckpt-fixres", [bnfix, "--data", noise, "-o", shuffled] + tuned)

      let base = try accuracy(bnfix)
      let recalibratedAtTestSize = try accuracy(atTestSize)
      recalibration.append(base - averaged)
      tuning.append(try accuracy(fixres) - base)
      tuningAlone.append(try accuracy(fixres) - recalibratedAtTestSize)
      shuffledTuning.append(try accuracy(shuffled) - recalibratedAtTestSize)
    }
    func average(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

    // One accuracy over 447 images has a standard error of about two points; these gains are far beyond it.
    #expect(recalibration.allSatisfy { $0 > 4 }, "recalibration gains \(recalibration)")
    #expect(tuning.allSatisfy { $0 > 6 }, "FixRes gains \(tuning)")
    #expect(average(tuningAlone) > 0, "gains beyond recalibration at the test size \(tuningAlone)")
    #expect(shuffledTuning.allSatisfy { $0 < -2 }, "gains with shuffled labels \(shuffledTuning)")
  }
}
