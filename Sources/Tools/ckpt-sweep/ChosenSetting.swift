import Command
import Evaluation
import ImageData
import NetworkCommand
import NetworkExecution
import ResolutionSweep

/// The chosen setting once more, for what is wanted of it alone: a confirmation, logits, features.
struct ChosenSetting {
  let setting: Setting
  let networks: [Network]
  let recalibrations: [Recalibration]
  /// Outputs in use; nil for all.
  let subset: ClassSubset?
  let batchSize: Int?
  let workers: Int
  let console: Console

  /// Its score on another data set, compared with that of the setting that the checkpoint records.
  ///
  /// - Parameter recorded: the recorded preprocessing; nil if there is none.
  func confirmation(
    on dataset: any ImageDataset, recorded: Preprocessing?
  ) throws -> SweepReport.Confirmation {
    // As the checkpoint is used without a sweep: one crop, its own statistics.
    let rival = recorded.map { Setting(networks: setting.networks, preprocessing: $0) }
    let settings = [setting] + [rival].compactMap { $0 }.filter { $0 != setting }
    for network in setting.networks {
      for one in settings {
        try networks[network].checkMemory(one.preprocessing, images: batchSize ?? 1, batches: 1)
      }
    }
    let evaluator = try evaluator(settings, on: dataset)
    let progress = console.progress(
      "confirming", total: dataset.count * settings.count, unit: "evaluations")
    defer { progress.finish() }
    try evaluator.run(batchSize: batchSize, workers: workers, onBatch: { progress.advance(by: $0) })
    let outcomes = evaluator.measurements.outcomes
    return SweepReport.Confirmation(
      dataset: dataset.name, outcomes: outcomes[0],
      recorded: settings.count > 1
        ? (preprocessing: settings[1].preprocessing, outcomes: outcomes[1]) : nil)
  }

  /// Its logits for all images, in the order of the data set.
  func logits(on dataset: any ImageDataset) throws -> LogitTable {
    var table = LogitTable(classCount: subset?.outputs.count ?? networks[0].classCount)
    let progress = console.progress("logits", total: dataset.count, unit: "images")
    defer { progress.finish() }
    try evaluator([setting], on: dataset).run(
      batchSize: batchSize, workers: workers, onLogits: { table.append($1, label: $2) },
      onBatch: { progress.advance(by: $0) })
    return table
  }

  /// The classifier's inputs for all images, in the order of the data set.
  func features(on dataset: any ImageDataset) throws -> FeatureTable {
    let progress = console.progress("features", total: dataset.count, unit: "images")
    defer { progress.finish() }
    return try evaluator([setting], on: dataset).features(
      of: 0, batchSize: batchSize, workers: workers, onBatch: { progress.advance(by: $0) })
  }

  private func evaluator(_ settings: [Setting], on dataset: any ImageDataset) throws -> Evaluator {
    try Evaluator(
      networks: networks, settings: settings, dataset: dataset, recalibrations: recalibrations,
      outputs: subset?.outputs)
  }
}

extension LoadedModel {
  /// The preprocessing that the checkpoint records, if it is one that can be measured.
  func recordedPreprocessing() throws -> Preprocessing? {
    let metadata = self.metadata
    let recorded = try Preprocessing(
      metadata: { metadata[$0] }, source: source.label, defaults: defaults)
    guard let recorded, recorded.cropSize.isSquare,
      recorded.recordedSizeError(of: source.label, isCropGiven: false, isResizeGiven: false) == nil
    else { return nil }
    return recorded
  }
}
