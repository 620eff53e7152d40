import Checkpoint
import CommandSupport
import Dispatch
import ImageData
import ResolutionSweep
import TensorMath

/// The measuring of one run: a whole sweep, a race, or one shard's share.
struct SweepJob {
  let sweep: Sweep
  let recipe: SweepPart.Recipe
  let shard: Shard
  let command: SweepCommand
  let console: Console

  init(
    _ command: SweepCommand, models: [LoadedModel], settings: [Setting], dataset: any ImageDataset,
    console: Console
  ) throws {
    self.command = command
    self.console = console
    shard = try command.parts.resolvedShard()
    let images =
      command.choice.race ? command.choice.shuffledImages(dataset.count) : shard.items(of: dataset.count)
    sweep = try Sweep(networks: models.map(\.network), settings: settings, dataset: dataset, images: images)
    recipe = SweepPart.Recipe(
      dataset: dataset.name, imageCount: dataset.count, checkpoints: models.map(\.source.label),
      digests: command.parts.state == nil ? [] : try models.map { try contentDigest(of: $0.source) },
      settings: settings, multiplyAdds: sweep.measurements.multiplyAdds)
    if let earlier = try command.parts.earlier(recipe, shard: shard) { sweep.resume(earlier) }
  }

  /// Measures everything, or with a race until it is decided.
  func run() throws {
    let total = sweep.measurements.images.count * sweep.measurements.settings.count
    let progress = console.progress("sweeping", total: total, unit: "evaluations")
    defer { progress.finish() }
    progress.advance(by: evaluations)
    var race = makeRace()
    let isRace = race != nil
    var lastSave = DispatchTime.now().uptimeNanoseconds
    try sweep.run(
      upTo: isRace ? race!.imageCount : nil, batchSize: command.input.batchSize,
      workers: command.global.threadCount, race: &race
    ) { steps in
      progress.advance(by: steps)
      let now = DispatchTime.now().uptimeNanoseconds
      if now - lastSave > 10_000_000_000 {
        lastSave = now
        try save()
      }
    }
    try save()
    guard let race else { return }
    var noRace: Race?
    try sweep.run(
      only: race.active, batchSize: command.input.batchSize, workers: command.global.threadCount,
      race: &noRace
    ) { progress.advance(by: $0) }
    console.notice(
      "race: \(race.active.count) of \(race.settingCount) settings measured on all images; \(evaluations) of \(total) evaluations"
    )
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
    try command.parts.save(SweepPart(recipe: recipe, shard: shard, measurements: sweep.measurements))
  }
}
