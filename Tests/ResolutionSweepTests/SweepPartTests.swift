import Checkpoint
import ImageData
import NetworkExecution
import Platform
import TestSupport
import Testing

@testable import Evaluation
@testable import ResolutionSweep

@Suite struct SweepPartTests {
  private let settings = [
    Setting(preprocessing: Preprocessing(resize: 64, crop: 56)),
    Setting(preprocessing: Preprocessing(resize: 72, crop: 56, interpolation: .bicubic), views: .ten),
  ]

  private func recipe(images: Int) -> SweepPart.Recipe {
    SweepPart.Recipe(
      dataset: "val", imageCount: images, checkpoints: ["a"], digests: ["crc32:0"], settings: settings,
      multiplyAdds: [10, 100])
  }

  /// A part whose outcomes tell image and setting.
  private func part(_ index: Int, of count: Int, images: Int = 10, measured: Int? = nil) -> SweepPart {
    let shard = Shard(index: index, count: count)!
    let own = shard.items(of: images)
    var measurements = Measurements(settings: settings, images: own, multiplyAdds: [10, 100])
    for setting in settings.indices {
      for image in own.prefix(measured ?? own.count) {
        measurements.outcomes[setting].append(
          Outcome(
            predicted: image, rank: setting, loss: Double(image) / 3, confidence: 0.25, label: image,
            brierScore: 0.5))
      }
    }
    return SweepPart(recipe: recipe(images: images), shard: shard, measurements: measurements)
  }

  private func error(_ parts: [SweepPart]) -> String? {
    do {
      _ = try SweepPart.merged(parts.enumerated().map { ("p\($0)", $1) })
      return nil
    } catch { return "\(error)" }
  }

  @Test func partsInAnyOrderMakeTheWhole() throws {
    let whole = part(0, of: 1)
    let merged = try SweepPart.merged([2, 0, 1].map { ("p", part($0, of: 3)) })
    #expect(merged == whole)
  }

  @Test func aFileKeepsAPart() throws {
    let folder = try TemporaryFolder()
    for measured in [0, 2, 4] {
      let kept = part(1, of: 3, images: 12, measured: measured)
      let path = folder.file("part-\(measured)")
      try write(kept, to: path)
      #expect(try SweepPart(reading: openCheckpoint(.path(path)), for: (kept.recipe, kept.shard)) == kept)
      // Without a data set to bound what the file claims, it must be whole.
      guard measured < 4 else { continue }
      #expect(throws: SweepError.badPart(path, "is unfinished; run shard 1/3 again to continue it")) {
        try SweepPart(reading: openCheckpoint(.path(path)))
      }
    }
  }

  @Test func partsOfOtherSweepsAreNotContinued() throws {
    let folder = try TemporaryFolder()
    let kept = part(1, of: 3)
    try write(kept, to: folder.file("part"))
    for (recipe, shard) in [(recipe(images: 11), kept.shard), (kept.recipe, Shard(index: 0, count: 3)!)] {
      #expect(throws: SweepError.self) {
        try SweepPart(reading: openCheckpoint(.path(folder.file("part"))), for: (recipe, shard))
      }
    }
  }

  /// A part that was measured with statistics of its own; `shift` moves one mean.
  private func recalibrated(_ index: Int, of count: Int, shift: Double = 0) -> SweepPart {
    let plain = part(index, of: count)
    var recipe = plain.recipe
    recipe.calibration = .init(dataset: "train", imageCount: 64, seed: UInt64.max)
    recipe.settings[1].batchNorm = .recalibrated
    var measurements = Measurements(
      settings: recipe.settings, images: plain.measurements.images, multiplyAdds: [10, 100])
    measurements.outcomes = plain.measurements.outcomes
    let statistics = [
      RunningStatistics(mean: [0.5, -1 + shift], variance: [1, 4]),
      RunningStatistics(mean: [3], variance: [0]),
    ]
    return SweepPart(
      recipe: recipe, shard: plain.shard, measurements: measurements,
      recalibrations: [
        Recalibration(
          network: 0, preprocessing: settings[1].preprocessing, batchCount: 2, statistics: statistics)
      ])
  }

  @Test func aFileKeepsRecalibratedStatistics() throws {
    let folder = try TemporaryFolder()
    let kept = recalibrated(0, of: 1)
    try write(kept, to: folder.file("part"))
    #expect(try SweepPart(reading: openCheckpoint(.path(folder.file("part")))) == kept)
    var (tensors, metadata) = try kept.encoded()
    for (damaged, problem) in [
      (nil, #"no tensor "recalibration.0.0.mean""#),
      (
        try TensorValue(doubles: [.nan, 1], shape: [2], dtype: .f64),
        #"tensor "recalibration.0.0.mean" holds the impossible nan"#
      ),
    ] {
      tensors["recalibration.0.0.mean"] = damaged
      try write(tensors, metadata, to: folder.file("damaged"))
      #expect(throws: SweepError.badPart(folder.file("damaged"), problem)) {
        try SweepPart(reading: openCheckpoint(.path(folder.file("damaged"))))
      }
    }
  }

  @Test func partsOfOtherStatisticsAreRefusedButForRounding() throws {
    let first = recalibrated(0, of: 2)
    #expect(
      try SweepPart.merged([("a", first), ("b", recalibrated(1, of: 2, shift: 1e-4))]).recalibrations.count
        == 1)
    #expect(
      error([first, recalibrated(1, of: 2, shift: 0.1)])?.hasPrefix(
        "p1: has other BatchNorm statistics than p0") == true)
    #expect(error([first, part(1, of: 2)]) == "p1: is of another sweep than p0")
  }

  @Test func otherFilesAreNoParts() throws {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    #expect(throws: SweepError.badPart(source.label, #"no "ckpt.sweep_part" in its metadata"#)) {
      try SweepPart(reading: source)
    }
  }

  @Test func damagedPartsAreRefused() throws {
    let folder = try TemporaryFolder()
    let good = try part(0, of: 1).encoded()
    for (name, value) in [
      ("count", TensorValue(i64: [10, 11], shape: [2])), ("count", TensorValue(i64: [10], shape: [1])),
      ("rank", try TensorValue(doubles: Array(repeating: -1, count: 20), shape: [2, 10], dtype: .i32)),
      ("loss", try TensorValue(doubles: Array(repeating: .nan, count: 20), shape: [2, 10], dtype: .f64)),
      ("loss", try TensorValue(doubles: Array(repeating: -1, count: 20), shape: [2, 10], dtype: .f64)),
      (
        "loss", try TensorValue(doubles: Array(repeating: .infinity, count: 20), shape: [2, 10], dtype: .f64)
      ),
      ("count", try TensorValue(doubles: [.infinity, 10], shape: [2], dtype: .f64)),
      ("seconds", try TensorValue(doubles: [.nan, 1], shape: [2], dtype: .f64)),
      ("confidence", try TensorValue(doubles: Array(repeating: 2, count: 20), shape: [2, 10], dtype: .f32)),
    ] as [(TensorName, TensorValue)] {
      var tensors = good.tensors
      tensors[name] = value
      let path = folder.file("damaged")
      try write(tensors, good.metadata, to: path)
      #expect(throws: SweepError.self, "\(name)") { try SweepPart(reading: openCheckpoint(.path(path))) }
    }
  }

  @Test func wrongPartsAreNamed() {
    let three = (0..<3).map { part($0, of: 3) }
    #expect(error(three) == nil)
    #expect(error([three[0], three[1]]) == "p0: shard 2 of 3 is missing")
    #expect(error([three[0], three[1], three[1]]) == "p2: is shard 1/3 a second time")
    #expect(error([three[0], part(1, of: 3, images: 11), three[2]]) == "p1: is of another sweep than p0")
    #expect(
      error([three[0], part(1, of: 3, measured: 1), three[2]])
        == "p1: is unfinished; run shard 1/3 again to continue it")
    #expect(error([]) == "no parts to put together")
  }

  private func write(_ part: SweepPart, to path: String) throws {
    let (tensors, metadata) = try part.encoded()
    try write(tensors, metadata, to: path)
  }

  private func write(_ tensors: [TensorName: TensorValue], _ metadata: Metadata, to path: String) throws {
    let specs = tensors.map { TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }
    let writer = try CheckpointWriter(to: .path(path), tensors: specs, metadata: metadata)
    for spec in writer.order { try writer.write(tensors[spec.name]!) }
    try writer.finish()
  }
}
