import Checkpoint
import Command
import Dispatch
import Evaluation
import ImageData
import NetworkCommand
import NetworkExecution
import Platform
import ResolutionSweep

/// The measuring of one run: a whole sweep, a race, or one shard's share.
struct SweepJob {
  let sweep: Evaluator
  let recipe: SweepPart.Recipe
  let shard: Shard
  let recalibrations: [Recalibration]
  /// The state that an earlier run left.
  private let earlier: SweepPart?
  let command: SweepCommand
  let console: Console

  /// - Parameter calibrationImages: what recalibrated statistics are made of; nil if none are measured.
  init(
    _ command: SweepCommand, models: [LoadedModel], settings: [Setting], dataset: any ImageDataset,
    subset: ClassSubset?, calibrationImages: (any ImageDataset)?, console: Console
  ) throws {
    self.command = command
    self.console = console
    shard = try command.parts.resolvedShard()
    let images =
      command.choice.race ? command.choice.shuffledImages(dataset.count) : shard.items(of: dataset.count)
    let networks = models.map(\.network)
    let order = calibrationImages.map { command.calibration.images(of: $0, seed: command.choice.seed) } ?? []
    recipe = SweepPart.Recipe(
      dataset: dataset.name, imageCount: dataset.count,
      datasetDigest: command.parts.state == nil ? "" : dataset.namesDigest,
      checkpoints: models.map(\.source.label), architectures: networks.map(\.architectureName),
      digests: command.parts.state == nil ? [] : try models.map { try contentDigest(of: $0.source) },
      options: .object(
        command.images.history()
          + (command.images.sample == nil
            ? [] : [("sample_seed", .number("\(command.choice.seed)"))])
          + command.input.arithmetic.history + command.scoring.history(subset)),
      settings: settings,
      multiplyAdds: try Evaluator.multiplyAdds(of: settings, networks),
      calibration: calibrationImages.map {
        .init(
          dataset: $0.name, datasetDigest: command.parts.state == nil ? "" : $0.namesDigest,
          imageCount: order.count, seed: command.choice.seed)
      })
    try Self.checkMemory(settings, networks, batchSize: command.input.batchSize)
    // Before time is spent on statistics; the labels were checked when the data set was opened.
    try Evaluator.check(networks, images: images, of: dataset)
    let earlier = try command.parts.earlier(recipe, shard: shard, networks: networks)
    let known = earlier?.recalibrations ?? []
    if let calibrationImages {
      recalibrations = try Recalibrator(
        models: models, dataset: calibrationImages, images: order, workers: command.global.threadCount,
        console: console
      ).run(settings, known: known)
    } else {
      recalibrations = []
    }
    sweep = try Evaluator(
      networks: networks, settings: settings, dataset: dataset, images: images,
      recalibrations: recalibrations,
      multiplyAdds: recipe.multiplyAdds, outputs: subset?.outputs)
    self.earlier = earlier
    if let earlier {
      sweep.resume(earlier.measurements(of: recipe))
      let found = Set(earlier.recipe.settings).intersection(settings).count
      console.detail("settings known from the state: \(found) of \(settings.count)")
    }
    if recalibrations.contains(where: { !known.contains($0) }) { try save() }
  }

  /// Refuses what cannot be in memory: the largest maps, and the inputs of all settings together.
  private static func checkMemory(_ settings: [Setting], _ networks: [Network], batchSize: Int?) throws {
    var largest = [Preprocessing?](repeating: nil, count: networks.count)
    for setting in settings {
      for network in setting.networks where largest[network]?.crop ?? 0 < setting.preprocessing.crop {
        largest[network] = setting.preprocessing
      }
    }
    for (network, preprocessing) in zip(networks, largest) {
      guard let preprocessing else { continue }
      try network.checkMemory(preprocessing, images: batchSize ?? 1, batches: 1)
    }
    let (inputs, available) = (Evaluator.inputBytes(of: settings, batchSize: batchSize), memoryLimit)
    guard inputs <= available else {
      throw Failure(
        .badData,
        "the inputs of \(settings.count) settings take \(inputs >> 20) MiB of memory, of which there are \(available >> 20) MiB; measure fewer settings at a time"
      )
    }
  }

  /// Measures everything, or with a race until it is decided.
  ///
  /// - Parameter onLogits: called for every image and setting with setting, logits and label, unless there is a race.
  /// - Returns: what the race saved; nil without one.
  func run(onLogits: ((Int, [Double], Int) -> Void)? = nil) throws -> RaceSummary? {
    let total = sweep.measurements.images.count * sweep.measurements.settings.count
    let progress = console.progress("sweeping", total: total, unit: "evaluations")
    defer { progress.finish() }
    progress.advance(by: evaluations)
    var lastSave = DispatchTime.now().uptimeNanoseconds
    let (batchSize, workers) = (command.input.batchSize, command.global.threadCount)
    func onBatch(_ steps: Int) throws {
      progress.advance(by: steps)
      let now = DispatchTime.now().uptimeNanoseconds
      if now - lastSave > 10_000_000_000 {
        lastSave = now
        try save()
      }
    }
    guard var race = makeRace() else {
      try sweep.run(batchSize: batchSize, workers: workers, onLogits: onLogits, onBatch: onBatch)
      try save()
      return nil
    }
    try sweep.run(&race, batchSize: batchSize, workers: workers, onBatch: onBatch)
    try save()
    try sweep.run(
      only: race.active, batchSize: batchSize, workers: workers, onBatch: { progress.advance(by: $0) })
    return RaceSummary(
      settings: race.settingCount, finalists: race.active.count, evaluations: evaluations,
      evaluationsWithout: total)
  }

  private var evaluations: Int { sweep.measurements.outcomes.reduce(0) { $0 + $1.count } }

  private func makeRace() -> Race? {
    let measured = sweep.measurements
    guard command.choice.race, measured.settings.count > 1 else { return nil }
    return Race(
      settingCount: measured.settings.count,
      imageCount: command.choice.method.selectingCount(of: measured.images.count),
      level: command.choice.confidence)
  }

  private func save() throws {
    let part = SweepPart(
      recipe: recipe, shard: shard, measurements: sweep.measurements, recalibrations: recalibrations)
    try command.parts.save(earlier.map(part.keeping) ?? part)
  }
}

/// Savings of a race.
struct RaceSummary {
  var settings: Int
  /// Settings measured on all images.
  var finalists: Int
  var evaluations: Int
  /// Evaluations of all settings on all images.
  var evaluationsWithout: Int

  var text: String {
    "race: \(finalists) of \(settings) settings measured on all images; \(evaluations) of \(evaluationsWithout) evaluations"
  }

  var json: JSON {
    .object([
      ("settings", JSON(settings)), ("finalists", JSON(finalists)), ("evaluations", JSON(evaluations)),
      ("evaluations_without", JSON(evaluationsWithout)),
    ])
  }
}
