import Checkpoint
import NetworkGraphs
import Platform

extension Info {
  func listing(of source: any CheckpointSource) throws -> Report {
    var report = Report(label: source.label, columns: ["name", "dtype", "shape", "bytes", "stored", "ratio"])
    var totals = (bytes: 0, stored: 0, elements: 0)
    for spec in source.tensors {
      let stored = source.storedByteCount(spec.name) ?? spec.byteCount
      totals = (totals.bytes + spec.byteCount, totals.stored + stored, totals.elements + spec.elementCount)
      report.add([
        .text(spec.name.string), .text(spec.dtype.name), .shape(spec.shape), .integer(spec.byteCount),
        .integer(stored), ratio(spec.byteCount, stored),
      ])
    }
    report.remarks = [
      ("format", .text(source.formatDescription)), ("tensors", .integer(source.tensors.count)),
      ("elements", .integer(totals.elements)),
      ("bytes", .integer(totals.bytes)), ("stored", .integer(totals.stored)),
      ("ratio", ratio(totals.bytes, totals.stored)),
    ]
    if let choice = source.origin.stateDict, !choice.passedOver.isEmpty {
      report.remarks.append(("averaged weights", .text(choice.key)))
      report.remarks.append(("other state dicts", .text(choice.passedOver.joined(separator: ", "))))
    }
    if !source.origin.wrapper.isEmpty { report.remarks.append(("wrapper", .text(source.origin.wrapper))) }
    if let count = source.origin.averagedModelCount { report.remarks.append(("n averaged", .number(count))) }
    if let recorded = source.origin.model, let name = recorded.architecture {
      report.remarks.append(("recorded architecture", .text("\(name) (\(recorded.source.rawValue))")))
    }
    let view = source is ONNXCheckpoint ? source : NetworkDescription.view(of: source)
    if let network = try? NetworkDescription(recordedIn: view) {
      report.remarks.append(("architecture", .text(network.architectureName)))
      report.remarks.append(("classes", .integer(network.classCount)))
    }
    report.metadata = source.metadata
    return report
  }

  private func ratio(_ bytes: Int, _ stored: Int) -> Report.Cell {
    stored == 0 ? .none : .number((Double(bytes) / Double(stored) * 1000).rounded() / 1000)
  }

  func statistics(of source: any CheckpointSource) throws -> Report {
    var report = Report(
      label: source.label,
      columns: ["name", "dtype", "shape", "min", "max", "mean", "std", "zeros", "nan", "inf"])
    for spec in source.tensors {
      let head: [Report.Cell] = [.text(spec.name.string), .text(spec.dtype.name), .shape(spec.shape)]
      guard spec.dtype.isReal else {
        report.add(head + Array(repeating: .none, count: 7))
        continue
      }
      let found = try TensorStatistics(of: spec, in: source)
      let finite = found.minimum <= found.maximum
      report.add(
        head + [
          finite ? .number(found.minimum) : .none, finite ? .number(found.maximum) : .none,
          finite ? .number(found.mean) : .none, finite ? .number(found.standardDeviation) : .none,
          .integer(found.zeroCount), .integer(found.nanCount), .integer(found.infinityCount),
        ])
    }
    return report
  }

  /// Rows for what differs; what is equal is only counted.
  func report(of comparison: CheckpointComparison, label: String) -> Report {
    var report = Report(
      label: label, columns: ["name", "verdict", "max abs", "max rel", "max ulp", "cosine"])
    let nothing = [Report.Cell](repeating: .none, count: 4)
    for spec in comparison.missing { report.add([.text(spec.name.string), .text("missing")] + nothing) }
    for spec in comparison.extra { report.add([.text(spec.name.string), .text("extra")] + nothing) }
    for entry in comparison.common where !entry.isIdentical {
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
