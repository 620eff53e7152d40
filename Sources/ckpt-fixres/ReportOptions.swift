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
    if let report { try write(result.json.encoded() + "\n", to: report) }
    if let plot {
      let curve = LearningCurve(title: "\(result.model), \(result.images) images", records: result.records)
      try write(curve.svg, to: plot)
    }
  }

  private func write(_ text: String, to path: String) throws {
    do {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    } catch {
      throw Failure(.cannotCreate, "\(path): cannot be written: \(error.localizedDescription)")
    }
  }
}
