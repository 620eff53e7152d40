import ArgumentParser
import Checkpoint
import CommandSupport
import ConvNet
import Foundation
import ImageData
import ResolutionSweep
import TensorMath

@main
struct SweepCommand: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-sweep",
    abstract: "Measure accuracy over resize, crop and interpolation, and choose a setting.",
    discussion: """
      Each image is decoded once for all settings and checkpoints. The table goes to standard output; with -o the \
      chosen checkpoint is written with the chosen preprocessing in its metadata.
      """,
    version: versionText("ckpt-sweep"))

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Settings to measure") var grid: GridOptions
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    if results.output != nil && input.ensemble {
      throw ValidationError("an ensemble is no one checkpoint that -o could write")
    }
    if choice.race && choice.metric != .top1 { throw ValidationError("--race compares by top1 only") }
    if case .folds = choice.method, choice.race {
      throw ValidationError("--race leaves nothing for parts in turn; use --select half or none")
    }
  }

  func execute(_ console: Console) throws {
    do {
      try measureAndChoose(console)
    } catch let error as SweepError {
      throw Failure(.badData, error.description)
    }
  }

  private func measureAndChoose(_ console: Console) throws {
    let destination = try results.output.map(checkedDestination)
    let models = try input.load(pool: global.makePool(), console: console)
    let dataset = try models[0].dataset(input.data)
    let confirmationData = try input.confirm.map { try models[0].dataset($0) }
    let settings = try settings(for: models, console: console)
    let sweep = try Sweep(
      networks: models.map(\.network), settings: settings, dataset: dataset,
      images: choice.race ? choice.shuffledImages(dataset.count) : nil)
    try measure(sweep, console: console)

    var report = try SweepReport(
      sweep, isShuffled: choice.race, dataset: dataset.name, checkpoints: models.map(\.source.label),
      request: choice.request)
    if let confirmationData {
      let chosen = try Sweep(
        networks: sweep.networks, settings: [settings[report.verdict.chosen]], dataset: confirmationData)
      try measure(chosen, console: console)
      report.verdict.confirmation = .init(dataset: confirmationData.name, outcomes: chosen.outcomes[0])
    }
    // Before the checkpoint, so that a long sweep's result is not lost to a full disk.
    try results.print(report, console: console)
    try results.writeFiles(report, sweep: sweep, trainSizes: models.map { input.trainSize(of: $0.source) })
    if let destination {
      let model = models[settings[report.verdict.chosen].networks[0]]
      try write(model.source, report: report, to: destination)
    }
  }

  private func settings(for models: [LoadedModel], console: Console) throws -> [Setting] {
    if input.ensemble {
      return try grid.settings(for: models[0].source, networks: Array(models.indices), console: console)
    }
    return try models.enumerated().flatMap { index, model in
      try grid.settings(for: model.source, networks: [index], console: console)
    }
  }

  private func measure(_ sweep: Sweep, console: Console) throws {
    let count = sweep.images.count
    let progress = console.progress("sweeping", total: count * sweep.settings.count, unit: "evaluations")
    defer { progress.finish() }
    let selecting = choice.method.selectingCount(of: count)
    var race =
      choice.race && sweep.settings.count > 1
      ? Race(settingCount: sweep.settings.count, imageCount: selecting, level: choice.confidence) : nil
    let isRace = race != nil
    try sweep.run(
      upTo: isRace ? selecting : nil, batchSize: input.batchSize, workers: global.threadCount, race: &race
    ) { progress.advance(by: $0) }
    if let finished = race {
      var noRace: Race?
      try sweep.run(
        only: finished.active, batchSize: input.batchSize, workers: global.threadCount, race: &noRace
      ) { progress.advance(by: $0) }
      let passes = sweep.outcomes.map(\.count).reduce(0, +)
      console.notice(
        "race: \(finished.active.count) of \(sweep.settings.count) settings measured on all images; \(passes) of \(count * sweep.settings.count) evaluations"
      )
    }
  }

  private func write(
    _ source: any CheckpointSource, report: SweepReport, to destination: OutputDestination
  ) throws {
    var metadata = source.metadata
    for (key, value) in report.rows[report.verdict.chosen].setting.preprocessing.metadataEntries {
      metadata[key] = value
    }
    metadata["ckpt.metrics"] = report.metricsEntry
    Provenance(tool: Self.toolName, options: choice.provenance(of: report)).record(in: &metadata)
    try rewriteCheckpoint(source, replacing: [:], metadata: metadata, to: destination)
  }
}
