import ArgumentParser
import Command

/// Files written in addition to the checkpoint.
struct ReportOptions: ParsableArguments {
  @Option(help: ArgumentHelp("JSON report.", valueName: "file"), completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp("Learning curve, as SVG.", valueName: "file"),
    completion: .file())
  var plot: String?

  func write(_ result: TuningReport) throws {
    if let report { try writeFile((result.json.encoded() + "\n").utf8, to: report) }
    if let plot {
      let name =
        result.model.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? ""
      let curve = LearningCurve(
        title: "\(name), \(result.images) images", records: result.records, kept: result.keptEpoch)
      try writeFile(curve.svg.utf8, to: plot)
    }
  }
}
