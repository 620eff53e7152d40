import Checkpoint
import ImageData
import NetworkExecution
import Platform
import TestSupport
import Testing

@testable import Evaluation
@testable import ResolutionSweep

/// Sweeps that go on from a state with other settings.
@Suite struct ContinuationTests {
  private static func setting(_ crop: Int, _ batchNorm: NormalizationSource = .stored) -> Setting {
    Setting(preprocessing: Preprocessing(resize: crop, crop: crop), batchNorm: batchNorm)
  }

  private func recipe(_ settings: [Setting], images: Int = 9, digest: String = "d") -> SweepPart.Recipe {
    SweepPart.Recipe(
      dataset: "val", imageCount: images, datasetDigest: digest, checkpoints: ["a"], digests: ["crc32:0"],
      settings: settings, multiplyAdds: settings.map(\.preprocessing.crop),
      calibration: settings.contains { $0.batchNorm == .recalibrated }
        ? .init(dataset: "train", imageCount: 4, seed: 1) : nil)
  }

  /// A part whose outcomes tell image and crop; `counts` are the images that each setting has seen.
  private func part(_ settings: [Setting], counts: [Int]? = nil) -> SweepPart {
    let recipe = recipe(settings)
    var measured = Measurements(
      settings: settings, images: Array(0..<9), multiplyAdds: recipe.multiplyAdds)
    for (index, setting) in settings.enumerated() {
      for image in 0..<(counts?[index] ?? 9) {
        measured.outcomes[index].append(
          Outcome(
            predicted: image, rank: 0, loss: Double(setting.preprocessing.crop), confidence: 0.5,
            label: image, brierScore: 0.5))
      }
      measured.seconds[index] = Double(setting.preprocessing.crop)
    }
    return SweepPart(
      recipe: recipe, shard: Shard(index: 0, count: 1)!, measurements: measured,
      recalibrations: settings.filter { $0.batchNorm == .recalibrated }.map {
        Recalibration(
          network: 0, preprocessing: $0.preprocessing, batchCount: 1,
          statistics: [RunningStatistics(mean: [0], variance: [1])])
      })
  }

  @Test func knownSettingsAreTakenOverWhateverTheirOrder() {
    let earlier = part([48, 56, 64].map { Self.setting($0) }, counts: [9, 9, 4])
    let wanted = recipe([64, 72, 48].map { Self.setting($0) })
    let start = earlier.measurements(of: wanted)
    #expect(start.settings == wanted.settings && start.multiplyAdds == [64, 72, 48])
    #expect(start.outcomes.map(\.count) == [4, 0, 9])
    #expect(start.outcomes[2].losses.allSatisfy { $0 == 48 })
    #expect(start.seconds == [64, 0, 48])
    #expect(start.images == earlier.measurements.images)
  }

  @Test func finishedSettingsThatAreNotWantedStay() {
    let earlier = part(
      [Self.setting(48), Self.setting(56, .recalibrated), Self.setting(64)], counts: [9, 9, 4])
    let kept = part([Self.setting(48), Self.setting(72)]).keeping(earlier)
    #expect(kept.recipe.settings == [Self.setting(48), Self.setting(72), Self.setting(56, .recalibrated)])
    #expect(kept.recipe.multiplyAdds == [48, 72, 56])
    #expect(kept.measurements.outcomes.map { $0.losses.first } == [48, 72, 56])
    #expect(kept.recipe.calibration == earlier.recipe.calibration)
    #expect(kept.recalibrations == earlier.recalibrations)
    let same = part([Self.setting(48)])
    #expect(same.keeping(part([Self.setting(48), Self.setting(64)], counts: [9, 4])) == same)
  }

  @Test func aStateOfOtherImagesOrCheckpointsIsRefused() throws {
    let folder = try TemporaryFolder()
    let kept = part([Self.setting(48)])
    let (tensors, metadata) = try kept.encoded()
    try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("state")))
    let shard = Shard(index: 0, count: 1)!
    func error(_ change: (inout SweepPart.Recipe) -> Void, _ shard: Shard) -> String? {
      var wanted = recipe([Self.setting(48), Self.setting(56)])
      change(&wanted)
      do {
        let source = try openCheckpoint(.path(folder.file("state")))
        _ = try SweepPart(reading: source, for: (wanted, shard))
        return nil
      } catch { return "\(error)" }
    }
    #expect(error({ _ in }, shard) == nil)
    #expect(error({ ($0.dataset, $0.checkpoints) = ("elsewhere/val", ["b"]) }, shard) == nil)
    for (change, problem) in [
      ({ $0.datasetDigest = "e" }, "other images"), ({ $0.imageCount = 10 }, "other images"),
      ({ $0.digests = ["crc32:1"] }, "other checkpoints"),
      ({ $0.options = .object([("exif", .bool(true))]) }, "other options"),
    ] as [((inout SweepPart.Recipe) -> Void, String)] {
      #expect(error(change, shard)?.hasSuffix("has measurements of \(problem)") == true)
    }
    #expect(error({ _ in }, Shard(index: 0, count: 2)!)?.hasSuffix("is of shard 0/1, not 0/2") == true)
  }

  @Test func addedSettingsCatchUpToTheSameOutcomes() throws {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    let network = try Network(source, pool: ThreadPool(threads: 2))
    let dataset = try openDataset(Fixtures.path("digits/val"))
    let images = Array(stride(from: 0, to: 450, by: 20))
    let settings = [48, 56, 64].map { Self.setting($0) }
    func evaluator(_ settings: [Setting]) throws -> Evaluator {
      try Evaluator(networks: [network], settings: settings, dataset: dataset, images: images)
    }
    let whole = try evaluator(settings)
    try whole.run(batchSize: 4, workers: 2)
    // One setting is done, one has stopped on the way, and one is new.
    let started = try evaluator(Array(settings.prefix(2)))
    try started.run(only: [0], batchSize: 4, workers: 2)
    try started.run(only: [1], upTo: 9, batchSize: 4, workers: 2)
    #expect(started.measurements.outcomes.map(\.count) == [images.count, 9])
    var recipe = recipe(Array(settings.prefix(2)), images: images.count)
    let earlier = SweepPart(
      recipe: recipe, shard: Shard(index: 0, count: 1)!, measurements: started.measurements)
    recipe.settings = settings
    recipe.multiplyAdds = whole.measurements.multiplyAdds
    let rest = try evaluator(settings)
    rest.resume(earlier.measurements(of: recipe))
    var evaluations = 0
    try rest.run(batchSize: 4, workers: 2, onBatch: { evaluations += $0 })
    #expect(rest.measurements.outcomes == whole.measurements.outcomes)
    #expect(evaluations == 2 * images.count - 9)
  }
}
