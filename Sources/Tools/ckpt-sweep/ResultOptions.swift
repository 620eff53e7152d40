import ArgumentParser
import Checkpoint
import Command
import Evaluation
import FoundationEssentials
import ImageData
import Platform
import ResolutionSweep

/// Files and formats of the results.
struct ResultOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Checkpoint to write, with the chosen preprocessing; '-' is standard output and moves the table to standard error.",
      valueName: "path"),
    completion: .file())
  var output: String?

  @Option(help: ArgumentHelp("Format of the results.", valueName: "format"))
  var format: Format = .table

  @Flag(
    help:
      "Also measure the latency on one image in memory, median and 95th percentile, and print the images per second; both vary from run to run."
  )
  var timing = false

  @Option(
    help: ArgumentHelp(
      "Report of the results and the run: JSON, a page (.html) or a model card (.md).", valueName: "file"),
    completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp(
      "Plot of accuracy against size and against cost.", valueName: "file.svg|file.png"),
    completion: .file())
  var plot: String?

  @Option(
    help: ArgumentHelp(
      "File for every prediction, as a NumPy array or a table.", valueName: "file.npy|file.tsv"),
    completion: .file())
  var predictions: String?

  @Option(
    help: ArgumentHelp("Also print the choice as a configuration of this library.", valueName: "library"))
  var preset: Preset?

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, tsv, csv, json, markdown, latex }

  func validate() throws {
    if let predictions, !predictions.ends(in: ".npy"), !predictions.ends(in: ".tsv") {
      throw ValidationError("--predictions takes a file name that ends in .npy or .tsv")
    }
  }

  /// Everything that is written; the table goes to standard output where no checkpoint does.
  func plannedOutputs(state: String?) -> PlannedOutputs {
    var outputs = PlannedOutputs()
    outputs.add("-o", output)
    if output != "-" && [report, plot, predictions].contains("-") { outputs.add("the table", "-") }
    outputs.add("--report", report)
    outputs.add("--plot", plot)
    outputs.add("--predictions", predictions)
    outputs.add("--state", state)
    return outputs
  }

  /// Prints the report on standard output, or on standard error if a checkpoint goes there.
  func print(_ report: SweepReport, console: Console) throws {
    let text =
      switch format {
      case .table:
        report.table(
          timing: timing, preset: preset,
          width: terminalWidth(of: output == "-" ? STDERR_FILENO : STDOUT_FILENO))
      case .tsv: report.tsv(timing: timing)
      case .csv: report.csv(timing: timing)
      case .markdown: report.markdown(timing: timing)
      case .latex: report.latex(timing: timing)
      case .json: report.json(timing: timing, preset: preset)
      }
    if output == "-" { try StandardError.write(text) } else { try StandardOutput.write(text) }
    if format != .table {
      for line in report.summaryLines { console.notice(line) }
      if format != .json, let preset {
        for line in report.text(of: preset).split(separator: "\n") { console.notice(String(line)) }
      }
    }
  }

  /// Writes the predictions where asked for.
  func writePredictions(
    _ report: SweepReport, measurements: Measurements, dataset: (any ImageDataset)?
  ) throws {
    guard let predictions else { return }
    let data: Data
    if let dataset, predictions.ends(in: ".tsv") {
      data = Predictions.tsv(measurements, report: report, dataset: dataset)
    } else {
      data = Predictions.npy(measurements)
    }
    try writeFile(data, to: predictions)
  }
}

extension Preset: ExpressibleByArgument {}
