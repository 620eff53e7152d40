import Checkpoint
import Command

extension Info {
  /// Rows for what differs, the largest difference first; what is equal is only counted.
  func report(of comparison: CheckpointComparison, label: String) -> Report {
    var report = Report(
      label: label, columns: ["name", "verdict", "max abs", "max rel", "max ulp", "cosine"])
    let nothing = [Report.Cell](repeating: .none, count: 4)
    for spec in comparison.missing { report.add([.text(spec.name.string), .text("missing")] + nothing) }
    for spec in comparison.extra { report.add([.text(spec.name.string), .text("extra")] + nothing) }
    let ranked = comparison.common.filter { !$0.isIdentical }.sorted {
      ($0.difference?.maxAbsolute ?? .infinity) > ($1.difference?.maxAbsolute ?? .infinity)
    }
    for entry in ranked {
      let name = Report.Cell.text(entry.first.name.string)
      guard let difference = entry.difference else {
        let verdict =
          entry.first.layout == entry.second.layout
          ? "differs" : "\(entry.first.layout) and \(entry.second.layout)"
        report.add([name, .text(verdict)] + nothing)
        continue
      }
      let types =
        entry.first.dtype == entry.second.dtype ? "" : " (\(entry.first.dtype), \(entry.second.dtype))"
      report.add([
        name, .text((entry.isWithin(tolerance) ? "within tolerance" : "differs") + types),
        .number(difference.maxAbsolute), .number(difference.maxRelative),
        difference.maxUlp.map { $0 == .max ? .number(.infinity) : .integer(Int(clamping: $0)) } ?? .none,
        .number(difference.cosine),
      ])
    }
    report.remarks = [
      ("tensors compared", .integer(comparison.common.count)),
      ("identical", .integer(comparison.common.count(where: \.isIdentical))),
    ]
    return report
  }
}
