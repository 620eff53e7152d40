import Checkpoint
import ImageData
import NetworkExecution
import Platform
import TensorMath
import TestSupport
import Testing

@testable import Evaluation
@testable import ResolutionSweep

@Suite struct SweepTests {
  private let network: Network
  private let dataset: any ImageDataset

  init() throws {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    network = try Network(source, pool: ThreadPool(threads: 2))
    dataset = try openDataset(Fixtures.path("digits/val"))
  }

  private func setting(_ resize: Int, _ crop: Int, networks: [Int] = [0]) -> Setting {
    Setting(networks: networks, preprocessing: Preprocessing(resize: resize, crop: crop))
  }

  private func outcomes(
    _ settings: [Setting], images: [Int], networks: [Network]? = nil, batchSize: Int? = nil
  ) throws -> [SettingOutcomes] {
    let sweep = try Evaluator(
      networks: networks ?? [network], settings: settings, dataset: dataset, images: images)
    try sweep.run(batchSize: batchSize, workers: 2)
    return sweep.measurements.outcomes
  }

  @Test func togetherIsTheSameAsOneByOne() throws {
    let settings = [setting(48, 48), setting(56, 48), setting(64, 56)]
    let images = Array(stride(from: 0, to: 450, by: 11))
    let together = try outcomes(settings, images: images, batchSize: 7)
    for (index, one) in settings.enumerated() {
      #expect(try outcomes([one], images: images, batchSize: 7) == [together[index]])
    }
    #expect(together[0] != together[1])
  }

  @Test func outcomesAreThoseOfTheLogits() throws {
    let one = setting(56, 48)
    let images = [3, 200, 440]
    let measured = try outcomes([one], images: images)[0]
    let input = Tensor(shape: [3, 48, 48, 3])
    for (row, image) in images.enumerated() {
      one.preprocessing.apply(try dataset.image(image), into: input.pointer + row * 48 * 48 * 3)
    }
    let logits = try network.logits(input).values.map(Double.init)
    for (row, image) in images.enumerated() {
      let expected = Outcome(
        logits: logits[row * 10..<row * 10 + 10], label: try #require(dataset.label(image)))
      #expect(measured.predicted[row] == Int32(expected.predicted))
      #expect(measured.ranks[row] == Int32(expected.rank))
      #expect(measured.losses[row] == expected.loss)
    }
  }

  @Test func anEnsembleOfOneNetworkTwiceIsThatNetwork() throws {
    let images = Array(0..<20)
    let both = try outcomes(
      [setting(56, 48), setting(56, 48, networks: [0, 1])], images: images, networks: [network, network])
    #expect(both[0].predicted == both[1].predicted)
    for (a, b) in zip(both[0].losses, both[1].losses) { #expect(abs(a - b) < 1e-12) }
  }

  @Test func aRaceMeasuresTheDroppedOnFewerImages() throws {
    let images = Array(stride(from: 0, to: 450, by: 3))
    let sweep = try Evaluator(
      networks: [network], settings: [setting(56, 48), setting(8, 48), setting(54, 48)], dataset: dataset,
      images: images)
    var race = Race(settingCount: 3, imageCount: images.count)
    var evaluations = 0
    try sweep.run(&race, batchSize: 10, workers: 1) { evaluations += $0 }
    #expect(race.active.contains(1) == false)
    #expect(sweep.measurements.outcomes[1].count < 60)
    #expect(sweep.measurements.outcomes[0].count == images.count)
    #expect(evaluations == sweep.measurements.outcomes.map(\.count).reduce(0, +))
    // What was measured in the race is what a full sweep measures.
    let full = try outcomes([setting(56, 48)], images: images, batchSize: 10)
    #expect(sweep.measurements.outcomes[0].predicted == full[0].predicted)
  }

  @Test func batchesAreBoundedByMemory() {
    let small = PassPlan([setting(256, 224)], active: [0])
    #expect(small.defaultBatchSize == 16)
    let many = (0..<40).map { setting(512 + $0, 512) }
    let plan = PassPlan(many, active: Array(many.indices))
    #expect(plan.defaultBatchSize == 1)
    #expect(plan.views.count == 40)
  }

  @Test func sharedInputsAndPassesAreCountedOnce() {
    let plan = PassPlan(
      [setting(64, 56), setting(64, 56, networks: [1]), setting(64, 56, networks: [0, 1])], active: [0, 1, 2])
    #expect(plan.views.count == 1)
    #expect(plan.passes.count == 2)
    #expect(plan.passesOfSetting.map(\.passes) == [[[0]], [[1]], [[0], [1]]])
  }

  @Test func costGrowsWithTheCrop() throws {
    let sweep = try Evaluator(
      networks: [network], settings: [setting(64, 48), setting(80, 48), setting(64, 64)], dataset: dataset)
    let costs = sweep.measurements.multiplyAdds
    #expect(costs[0] == costs[1])
    #expect(costs[2] > costs[0])
  }

  @Test func logitsOfCropsAreAveraged() throws {
    let one = Setting(preprocessing: Preprocessing(resize: 64, crop: 56), views: .flip)
    let measured = try outcomes([one], images: [5])[0]
    let inputs = [one.preprocessing, one.preprocessing.flipped]
    let logits = try inputs.map { view -> [Double] in
      let input = Tensor(shape: [1, 56, 56, 3])
      view.apply(try dataset.image(5), into: input.pointer)
      return try network.logits(input).values.map(Double.init)
    }
    let expected = Outcome(
      logits: zip(logits[0], logits[1]).map { ($0 + $1) / 2 }, label: try #require(dataset.label(5)))
    #expect(measured.losses[0] == expected.loss)
    #expect(PassPlan([one], active: [0]).passes.count == 2)
    let ten = Setting(preprocessing: one.preprocessing, views: .ten)
    // The centre crop and its mirror image are among the ten.
    #expect(PassPlan([one, ten], active: [0, 1]).passes.count == 10)
  }

  @Test func recalibratedAndStoredAreMeasuredSideBySide() throws {
    let images = Array(stride(from: 0, to: 450, by: 15))
    let plain = setting(56, 48)
    var other = plain
    other.batchNorm = .recalibrated
    var statistics = network.runningStatistics
    func measure() throws -> [SettingOutcomes] {
      let sweep = try Evaluator(
        networks: [network], settings: [plain, other], dataset: dataset, images: images,
        recalibrations: [
          Recalibration(
            network: 0, preprocessing: plain.preprocessing, batchCount: 1, statistics: statistics)
        ])
      try sweep.run(workers: 2)
      return sweep.measurements.outcomes
    }
    let same = try measure()
    #expect(same[0] == same[1])
    statistics[0].variance = statistics[0].variance.map { 4 * $0 }
    let different = try measure()
    #expect(different[0] == same[0])
    #expect(different[1].losses != same[0].losses)
  }

  @Test func testTimePoolingIsMeasuredAndCosted() throws {
    var pooled = setting(136, 136)
    pooled.pooling = .testTime(window: 2)
    let plain = setting(136, 136)
    let measured = try outcomes([plain, pooled], images: [3, 50])
    #expect(measured[0].losses != measured[1].losses)
    let costs = try Evaluator.multiplyAdds(of: [plain, pooled], [network])
    // Sixteen windows on a map of 5x5.
    let features = try #require(network.classifier).featureCount
    #expect(costs[1] - costs[0] == 15 * features * 10)
    pooled.pooling = .testTime(window: 5)
    let whole = try outcomes([plain, pooled], images: [3, 50])
    for (a, b) in zip(whole[0].losses, whole[1].losses) { #expect(abs(a - b) < 1e-5) }
  }

  private func evaluator(labels: [Int?]) throws -> Evaluator {
    try Evaluator(networks: [network], settings: [setting(8, 8)], dataset: LabelledBlanks(labels: labels))
  }

  @Test func refusesMissingAndImpossibleLabels() throws {
    #expect(
      throws: ImageDataError.labelOutOfRange(
        item: "1", label: 10, classifier: "the network", classCount: 10)
    ) { try evaluator(labels: [0, 10]) }
    #expect(throws: ImageDataError.unlabelled(item: "1", expected: LabelledBlanks(labels: []).labelSource)) {
      try evaluator(labels: [0, nil])
    }
    #expect(throws: EvaluationError.noImages(dataset: "blanks")) { try evaluator(labels: []) }
    _ = try evaluator(labels: [9])
  }
}

/// Black images with given labels.
private struct LabelledBlanks: ImageDataset {
  var labels: [Int?]
  var name: String { "blanks" }
  var count: Int { labels.count }
  var classNames: [String]? { nil }
  func label(_ index: Int) -> Int? { labels[index] }
  func image(_ index: Int) throws -> RGBImage {
    RGBImage(width: 4, height: 4, pixels: Array(repeating: 0, count: 48))
  }
  func itemName(_ index: Int) -> String { "\(index)" }
}
