import ArgumentParser
import Checkpoint
import CommandSupport
import ConvNet
import ImageData
import ResolutionSweep
import TensorMath

@main
struct SweepCommand: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-sweep",
    abstract: "Measure a checkpoint's accuracy over resize, crop and interpolation, and choose a setting.",
    discussion: """
      Each image is decoded once for all settings. The table goes to standard output; with -o the checkpoint is \
      written with the chosen preprocessing in its metadata.
      """,
    version: versionText("ckpt-sweep"))

  @OptionGroup(title: "Input and output") var model: ModelOptions

  @Option(name: .long, help: ArgumentHelp("Labelled images.", valueName: "dataset"), completion: .directory)
  var data: String

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Checkpoint to write, with the chosen preprocessing; '-' is standard output and moves the table to standard error.",
      valueName: "path"),
    completion: .file())
  var output: String?

  @Option(
    name: .long, help: ArgumentHelp("How to print the results: table, tsv or json.", valueName: "format"))
  var format: ReportFormat = .table

  @Flag(name: .long, help: "Also print images per second, which differ from run to run.")
  var timing = false

  @OptionGroup(title: "Settings to measure") var grid: GridOptions
  @OptionGroup(title: "Choice") var choice: ChoiceOptions

  @Option(
    name: .long,
    help: ArgumentHelp("Images per batch (default: as many as keep the input within 128 MB).", valueName: "n")
  )
  var batchSize: Int?

  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    guard batchSize ?? 1 >= 1 else { throw ValidationError("--batch-size takes a number from 1") }
  }

  func execute(_ console: Console) throws {
    do {
      try measureAndChoose(console)
    } catch let error as SweepError {
      throw Failure(.badData, error.description)
    }
  }

  private func measureAndChoose(_ console: Console) throws {
    let destination = try output.map(checkedDestination)
    let loaded = try model.load(pool: global.makePool(), console: console)
    warnIfStale(loaded.source, console: console)
    let dataset = try loaded.dataset(data)
    let settings = try grid.preprocessings(for: loaded.source, console: console).map {
      Setting(preprocessing: $0)
    }
    let sweep = try Sweep(networks: [loaded.network], settings: settings, dataset: dataset)

    let progress = console.progress("sweeping", total: dataset.count * settings.count, unit: "evaluations")
    var race: Race?
    try sweep.run(batchSize: batchSize, workers: global.threadCount, race: &race) { progress.advance(by: $0) }
    progress.finish()

    let report = try SweepReport(
      sweep, finalists: Array(settings.indices), dataset: dataset.name, checkpoints: [loaded.source.label],
      method: choice.method, rule: choice.rule, metric: choice.metric, seed: choice.seed)
    // Before the checkpoint, so that a long sweep's result is not lost to a full disk.
    try printReport(report, toStandardError: output == "-", console: console)
    if let destination { try write(loaded.source, report: report, to: destination) }
  }

  private func warnIfStale(_ source: any CheckpointSource, console: Console) {
    if source.metadata["ckpt.bn"] == "stale" {
      console.warning(
        "\(source.label): the BatchNorm statistics are those of no weights since averaging; run ckpt-bnfix first"
      )
    }
  }

  private func printReport(_ report: SweepReport, toStandardError: Bool, console: Console) throws {
    let text = format.text(of: report, timing: timing)
    if toStandardError { try StandardError.write(text) } else { try StandardOutput.write(text) }
    if format != .table { console.notice(report.summary) }
  }

  private func write(
    _ source: any CheckpointSource, report: SweepReport, to destination: OutputDestination
  ) throws {
    let chosen = report.rows[report.verdict.chosen].setting.preprocessing
    var metadata = source.metadata
    for (key, value) in chosen.metadataEntries { metadata[key] = value }
    metadata["ckpt.metrics"] = report.metricsEntry
    Provenance(tool: Self.toolName, options: choice.provenance(of: report)).record(in: &metadata)
    try rewriteCheckpoint(source, replacing: [:], metadata: metadata, to: destination)
  }
}
