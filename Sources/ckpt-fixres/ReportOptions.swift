import ArgumentParser
import ClassifierTuning
import CommandSupport
import Foundation

/// Files beside the checkpoint.
struct ReportOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Write a JSON report.", valueName: "path"), completion: .file())
  var report: String?

  @Option(
    name: .long, help: ArgumentHelp("Write the learning curve as SVG.", valueName: "path"),
    completion: .file())
  var plot: String?

  func write(_ result: TuningReport) throws {
    if let report { try writeFile(Data((result.json.encoded() + "\n").utf8), to: report) }
    if let plot {
      let name = URL(fileURLWithPath: result.model).lastPathComponent
      let curve = LearningCurve(
        title: "\(name), \(result.images) images", records: result.records, kept: result.keptEpoch)
      try writeFile(Data(curve.svg.utf8), to: plot)
    }
  }
}
