import ArgumentParser
import ResolutionSweep

enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case table, tsv, json

  func text(of report: SweepReport, timing: Bool) -> String {
    switch self {
    case .table: report.table(timing: timing)
    case .tsv: report.tsv(timing: timing)
    case .json: report.json(timing: timing)
    }
  }
}
