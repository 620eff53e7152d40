import ArgumentParser
import BatchNormCalibration
import Charts
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import Platform
import ResolutionSweep
import Statistics

@main
struct SweepCommand: NetworkTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-sweep",
    abstract: "Measure accuracy over resize, crop and interpolation, and choose a setting.",
    discussion: """
      Each image is decoded once for all settings and checkpoints; a run measures at most 100,000 settings. The table \
      goes to standard output; with -o, the chosen checkpoint is written with the chosen preprocessing in its metadata.
      """,
    version: versionText("ckpt-sweep", kernels: kernelDescription))

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Data set") var images: DataOptions
  @OptionGroup(title: "Settings to measure") var grid: GridOptions
  @OptionGroup(title: "Settings to measure") var calibration: CalibrationOptions
  @OptionGroup(title: "Choice") var choice: ChoiceOptions
  @OptionGroup(title: "Labels and scores") var scoring: ScoringOptions
  @OptionGroup(title: "Many machines") var parts: PartOptions
  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "Results") var compression: CompressionOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    if (input.data == nil) == parts.merge.isEmpty {
      throw ValidationError("give the images with --data, or the states of shards with --merge")
    }
    if choice.race && (parts.state != nil || parts.shard != nil) {
      throw ValidationError(
        "--race needs all images in one process; it cannot be combined with --state or --shard")
    }
    if !parts.merge.isEmpty && (grid.isGiven || calibration.data != nil || calibration.sources != nil) {
      throw ValidationError("--merge measures nothing; its settings come from the states")
    }
    if !parts.merge.isEmpty && (input.confirm != nil || results.predictions?.ends(in: ".tsv") == true) {
      throw ValidationError(
        "--confirm and --predictions FILE.tsv need --data, and cannot be combined with --merge")
    }
    if !parts.merge.isEmpty && scoring.isGiven {
      throw ValidationError(
        "--valid-labels, --real-labels, --calibrate, --logits and --features need --data, and cannot be combined with --merge"
      )
    }
    if parts.shard != nil
      && (scoring.needsLogits || scoring.realLabels != nil || scoring.features != nil)
    {
      throw ValidationError(
        "--real-labels, --calibrate, --logits and --features cannot be combined with --shard")
    }
    if measuresLatency && (parts.shard != nil || !parts.merge.isEmpty) {
      throw ValidationError(
        "--timing and a --budget in milliseconds measure on this machine; they cannot be combined with --shard or --merge"
      )
    }
    if scoring.features != nil && input.ensemble {
      throw ValidationError("--features needs one classifier; it cannot be combined with --ensemble")
    }
    if scoring.features != nil && grid.usesTestTimePooling {
      throw ValidationError(
        "--features cannot be combined with --pooling test-time, which takes a maximum after the classifier")
    }
    if results.output != nil && input.ensemble {
      throw ValidationError("-o cannot write an ensemble, which is not a single checkpoint")
    }
    if choice.race && choice.metric != .top1 { throw ValidationError("--race compares by top1 only") }
    if case .folds = choice.method, choice.race {
      throw ValidationError("--race cannot be combined with --select kfold; use half or none")
    }
  }

  /// True if the latency of every setting is measured.
  private var measuresLatency: Bool { results.timing || choice.budget?.cost == .milliseconds }

  func execute(_ console: Console) throws {
    let destination = try results.output.map(checkpointDestination)
    _ = try writeOptions()
    var outputs = results.plannedOutputs(state: parts.state)
    outputs.add("--logits", scoring.logits)
    outputs.add("--features", scoring.features)
    let encoder = try results.plot.map { try PictureEncoder(path: $0) }
    try outputs.check()
    let pool = global.makePool()
    guard parts.merge.isEmpty else {
      let whole = try parts.merged()
      let models =
        destination == nil
        ? []
        : try input.load(
          pool: pool, isStoredMeasuredAlone: whole.recalibrations.isEmpty, console: console)
      guard try models.isEmpty || models.map({ try contentDigest(of: $0.source) }) == whole.recipe.digests
      else {
        let names = whole.recipe.checkpoints.map { TensorName($0).escaped }.joined(separator: ", ")
        throw Failure(
          .badData,
          "the states were measured with other checkpoints; give \(names) in this order")
      }
      if !models.isEmpty {
        try parts.check(whole.recalibrations, models.map(\.network), of: parts.merge[0])
      }
      let outcome = SweepResult(
        recipe: whole.recipe, measurements: whole.measurements, recalibrations: whole.recalibrations,
        models: models)
      return try finish(outcome, destination: destination, encoder: encoder, console: console)
    }
    guard let data = input.data else { throw Failure(.usage, "--data is missing") }
    let models = try input.load(
      pool: pool, isStoredMeasuredAlone: calibration.measured == [.stored], console: console)
    if scoring.features != nil, let other = models.first(where: { $0.network.classifier == nil }) {
      throw Failure(
        .badData,
        "\(other.source.label): \(other.network.architectureName) does not end in a linear layer: leave out --features"
      )
    }
    let settings = try settings(for: models, console: console)
    let subset = try scoring.subset(for: models)
    var reference = try classNames(of: models, console: console)
    if let subset { reference = reference.map(subset.names) }
    func open(
      _ argument: String, _ part: DataOptions.Part, isLabelled: Bool = true
    ) throws -> any ImageDataset {
      let dataset = try images.openReadable(
        argument, part: part, seed: choice.seed, views: settings.map(\.preprocessing), isLabelled: isLabelled,
        pool: pool, console: console)
      return isLabelled
        ? try images.labelled(
          dataset, by: reference, for: models[0], classes: subset?.outputs.count, of: subset?.path ?? "",
          console: console) : dataset
    }
    let dataset = try open(data, .selected)
    if let own = dataset.classNames { reference = ClassNames(own, owner: dataset.name) }
    let real = try scoring.realClasses(of: dataset, subset: subset)
    let confirmation = try input.confirm.map { try open($0, .all) }
    let calibrationImages = try calibration.data.map { try open($0, .all, isLabelled: false) }
    for model in models {
      try input.arithmetic.reportLoss(
        of: model, on: dataset, as: settings[0].preprocessing, workers: global.threadCount, console: console)
    }
    let job = try SweepJob(
      self, models: models, settings: settings, dataset: dataset, subset: subset,
      calibrationImages: calibrationImages, console: console)
    // One setting that is measured in one go need not be measured again for its logits.
    let classes = subset?.outputs.count ?? models[0].network.classCount
    let isKept = scoring.needsLogits && settings.count == 1 && parts.state == nil && !choice.race
    var table = isKept ? LogitTable(classCount: classes) : nil
    let race = try job.run(onLogits: isKept ? { table?.append($1, label: $2) } : nil)
    if job.shard.count > 1 {
      console.notice("shard \(job.shard): \(job.sweep.measurements.images.count) images measured")
      return
    }
    if let race { console.notice(race.text) }
    let latencies = measuresLatency ? try latencies(of: settings, models, on: dataset, console) : nil
    let outcome = SweepResult(
      recipe: job.recipe, measurements: job.sweep.measurements, recalibrations: job.recalibrations,
      models: models, dataset: dataset, confirmation: confirmation, race: race, subset: subset, real: real,
      logits: table, latencies: latencies)
    try finish(outcome, destination: destination, encoder: encoder, console: console)
  }

  /// The latency of every setting on the first image.
  private func latencies(
    of settings: [Setting], _ models: [LoadedModel], on dataset: any ImageDataset, _ console: Console
  ) throws -> [Latency] {
    let progress = console.progress("timing", total: settings.count, unit: "settings")
    defer { progress.finish() }
    return try Evaluator.latencies(
      of: settings, models.map(\.network), on: dataset, onSetting: { progress.advance() })
  }

  private func finish(
    _ outcome: SweepResult, destination: Location?, encoder: PictureEncoder?, console: Console
  ) throws {
    let recipe = outcome.recipe
    var report = try SweepReport(
      outcome.measurements, isShuffled: choice.race, latencies: outcome.latencies, dataset: recipe.dataset,
      checkpoints: recipe.checkpoints, request: choice.request)
    let chosen = recipe.settings[report.verdict.chosen]
    let rerun = ChosenSetting(
      setting: chosen, networks: outcome.models.map(\.network), recalibrations: outcome.recalibrations,
      subset: outcome.subset, batchSize: input.batchSize, workers: global.threadCount, console: console)
    if let dataset = outcome.confirmation {
      report.verdict.confirmation = try rerun.confirmation(
        on: dataset, recorded: outcome.models[chosen.networks[0]].recordedPreprocessing())
    }
    if let real = outcome.real {
      report.score(outcome.measurements, by: outcome.measurements.images.map { real[$0] })
    }
    if scoring.needsLogits, let dataset = outcome.dataset {
      let table = try outcome.logits ?? rerun.logits(on: dataset)
      try scoring.write(table)
      if scoring.calibrate {
        let scaling = try TemperatureScaling(table, seed: choice.seed)
        report.calibration = scaling
        if scaling.isAtBound {
          console.warning(
            "no temperature from \(TemperatureScaling.bounds.lowerBound) to \(TemperatureScaling.bounds.upperBound) minimizes the loss: the images are all right, or the logits say nothing"
          )
        }
      }
    }
    if scoring.features != nil, let dataset = outcome.dataset {
      let model = outcome.models[chosen.networks[0]]
      try scoring.write(
        rerun.features(on: dataset), of: dataset, setting: chosen, model: model,
        classes: outcome.subset?.outputs.count ?? model.network.classCount)
    }
    report.architectures = recipe.architectures
    report.latencyThreads = outcome.latencies == nil ? nil : global.threadCount
    report.transformsInput = Set(
      outcome.models.indices.filter { outcome.models[$0].network.description.transformsInput })
    let isScaled =
      chosen.preprocessing.mean == [0.5, 0.5, 0.5] && chosen.preprocessing.std == [0.5, 0.5, 0.5]
    if outcome.models.isEmpty, results.preset == .torchvision, isScaled {
      console.notice(
        "the states do not name the network: for Inception v3 and GoogLeNet, whose torchvision models scale inputs to ±1 themselves, take ImageNet's mean and std instead of the preset's"
      )
    }
    // Before the checkpoint, so that a long sweep's result is not lost to a full disk.
    try results.print(report, console: console)
    let picture = { SweepPlot(report, trainSizes: outcome.models.map { trainSize(of: $0.source) }).picture }
    if let encoder, let path = results.plot { try writeFile(encoder.encode(picture()), to: path) }
    try results.writePredictions(report, measurements: outcome.measurements, dataset: outcome.dataset)
    if let path = results.report {
      let members = outcome.runMembers(tool: Self.toolName) + outcome.classMembers(of: report.verdict.chosen)
      try writeReport(report.json(run: members), pictures: [picture().svg], to: path)
    }
    if let destination {
      let network = chosen.networks[0]
      try write(
        outcome.models[network],
        recalibration: chosen.recalibration(of: network, among: outcome.recalibrations),
        recipe: recipe, report: report, to: destination)
    }
  }

  /// The names that the checkpoints record for their classes, which must not contradict each other.
  private func classNames(of models: [LoadedModel], console: Console) throws -> ClassNames? {
    let recorded = models.compactMap { $0.classNames(console: console) }
    for other in recorded.dropFirst() { try recorded[0].check(other, console: console) }
    return recorded.first
  }

  private func settings(for models: [LoadedModel], console: Console) throws -> [Setting] {
    if input.ensemble {
      return try grid.settings(
        for: models[0], networks: Array(models.indices), batchNorms: calibration.measured, models: 1,
        console: console)
    }
    return try models.enumerated().flatMap { index, model in
      try grid.settings(
        for: model, networks: [index], batchNorms: calibration.measured, models: models.count,
        console: console)
    }
  }

  private func write(
    _ model: LoadedModel, recalibration: Recalibration?, recipe: SweepPart.Recipe, report: SweepReport,
    to destination: Location
  ) throws {
    var metadata = model.metadata
    for (key, value) in report.rows[report.verdict.chosen].setting.preprocessing.metadataEntries {
      metadata[key] = value
    }
    metadata[MetadataKey.metrics] = report.metricsEntry
    if let calibration = report.calibration {
      metadata[MetadataKey.temperature] = "\(calibration.temperature)"
    }
    var options = choice.provenance(of: report) + (recipe.options.objectValue ?? [])
    if recalibration != nil {
      metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.recalibrated
      if let calibration = recipe.calibration { options.append(("bnfix", calibration.json)) }
    }
    Provenance(tool: Self.toolName, options: options).record(in: &metadata)
    try rewriteCheckpoint(
      model.source, replacing: recalibration.map(model.tensors) ?? [:], metadata: metadata, to: destination,
      options: writeOptions())
  }

  private func writeOptions() throws -> WriteOptions {
    try compression.writeOptions(for: results.output ?? "-", threads: global.threadCount)
  }
}
