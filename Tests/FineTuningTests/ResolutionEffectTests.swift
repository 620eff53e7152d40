import Checkpoint
import FineTuning
import ImageData
import NetworkExecution
import Platform
import Statistics
import TestSupport
import Testing

/// The FixRes effect on the bundled network: trained at 48 pixels, tuned and measured at 72.
@Suite struct ResolutionEffectTests {
  struct Setup {
    let tail: TunableTail
    let train: LabelledFeatures
    let held: LabelledFeatures
    let pool: ThreadPool

    init() throws {
      let pool = ThreadPool(threads: 2)
      let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
      let network = try Network(source, pool: pool)
      let tail = try TunableTail(network, checkpoint: source, needsBatchNorm: true)
      func features(_ split: String) throws -> LabelledFeatures {
        let dataset = try openDataset(Fixtures.path("digits/\(split)"))
        let loader = BatchLoader(
          dataset, indices: Array(0..<dataset.count), batchSize: 64,
          views: [Preprocessing(resize: 82, crop: 72)], workers: 2)
        let collector = try FeatureCollector(tail, count: dataset.count, pool: pool)
        var labels: [Int] = []
        while let batch = try loader.next() {
          try collector.add(batch.views[0])
          labels += batch.labels
        }
        return LabelledFeatures(features: collector.finish(), labels: labels)
      }
      self.pool = pool
      self.tail = tail
      train = try features("train")
      held = try features("test")
    }

    func gain(seed: UInt64, labels: [Int]) throws -> PairedComparison {
      var options = TuningOptions()
      options.learningRate = 1e-2
      options.seed = seed
      let tuner = try ClassifierTuner(options, activation: tail.activation, pool: pool)
      let tuned = try tuner.tune(
        tail.start, on: LabelledFeatures(features: train.features, labels: labels))
      return try PairedComparison(
        tuner.measure(tuned, on: held).isCorrect, tuner.measure(tail.start, on: held).isCorrect)
    }
  }

  @Test func tuningHelpsOnTheHeldOutSplitAndShuffledLabelsDoNot() throws {
    let setup = try Setup()
    for seed in [0, 1, 2] as [UInt64] {
      let gain = try setup.gain(seed: seed, labels: setup.train.labels)
      #expect(gain.interval.lowerBound > 0, "seed \(seed): \(gain.difference)")
      var generator = SeededGenerator(seed: seed)
      let shuffled = generator.permutation(setup.train.labels.count).map { setup.train.labels[$0] }
      let none = try setup.gain(seed: seed, labels: shuffled)
      #expect(none.difference < 0, "seed \(seed), shuffled labels: \(none.difference)")
    }
  }
}
