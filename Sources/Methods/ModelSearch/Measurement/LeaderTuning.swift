import Checkpoint
import FineTuning
import ImageData
import NetworkExecution
import Platform

/// Fine-tuning of the last layers of a leader: the features of its frozen part are computed once for all tunings.
struct LeaderTuning {
  let dataset: any ImageDataset
  let seed: UInt64
  let pool: ThreadPool
  let workers: Int
  /// Folder of scratch files, for features that take more than half of the memory.
  let scratchFolder: String
  let meter: WorkMeter

  private static let batchSize = 32

  /// The tensors that each tuning changes.
  ///
  /// - Parameters:
  ///   - model: The leader with its statistics.
  ///   - preprocessing: Preprocessing of the images.
  ///   - tunings: Tunings of the same layers, at least one.
  /// - Throws: `TuningError`; errors of loading.
  func tune(
    _ model: CandidateModel, preprocessing: Preprocessing, _ tunings: [Tuning]
  ) throws -> [[TensorName: TensorValue]] {
    let layers = tunings[0].layers
    precondition(tunings.allSatisfy { $0.layers == layers })
    let tail = try TunableTail(
      model.network, checkpoint: model.source, needsBatchNorm: layers == .classifierAndBatchNorm,
      needsLayerNorm: layers == .classifierAndLayerNorm)
    let samples = try LabelledFeatures(
      features: features(tail, preprocessing),
      labels: (0..<dataset.count).map { try dataset.requiredLabel($0) })
    let advance = meter("tuning", tunings.reduce(0) { $0 + $1.epochs }, "epochs")
    return try tunings.map { tuning in
      let tuner = try ClassifierTuner(options(tuning), activation: tail.activation, pool: pool)
      let tuned = try tuner.tune(tail.start, on: samples, onEpoch: { _, _ in advance(1) })
      return try tail.replacements(for: tuned)
    }
  }

  private func options(_ tuning: Tuning) -> TuningOptions {
    var options = TuningOptions()
    switch tuning.layers {
    case .classifier: (options.layers, options.batchNorm) = (.classifier, .frozen)
    case .classifierAndBatchNorm: (options.layers, options.batchNorm) = (.classifierAndBatchNorm, .batch)
    case .classifierAndLayerNorm: (options.layers, options.batchNorm) = (.classifierAndLayerNorm, .frozen)
    }
    options.epochs = tuning.epochs
    options.learningRate = tuning.learningRate
    options.seed = seed
    return options
  }

  private func features(_ tail: TunableTail, _ preprocessing: Preprocessing) throws -> FeatureMaps {
    let folder = scratchFolder
    let collector = try FeatureCollector(tail, count: dataset.count, pool: pool) { shape in
      if shape.byteCount <= memoryLimit / 2 { return try .memory(byteCount: shape.byteCount) }
      return try .scratch(byteCount: shape.byteCount, in: folder)
    }
    let loader = BatchLoader(
      dataset, indices: Array(0..<dataset.count), batchSize: Self.batchSize, views: [preprocessing],
      workers: workers)
    let advance = meter("features", dataset.count, "images")
    while let batch = try loader.next() {
      try collector.add(batch.views[0])
      advance(batch.indices.count)
    }
    return collector.finish()
  }
}
