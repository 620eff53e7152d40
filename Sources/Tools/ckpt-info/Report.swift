import Checkpoint
import NetworkGraphs
import Platform

/// A table with remarks, as text or as JSON.
struct Report {
  enum Cell {
    case text(String)
    case integer(Int)
    /// Shown with few digits, written to JSON with all.
    case number(Double)
    case shape([Int])
    case none

    var text: String {
      switch self {
      case .text(let text): escapedForDiagnostics(text, quoted: false)
      case .integer(let value): "\(value)"
      case .number(let value): Self.shortened(value)
      case .shape(let shape): "\(shape)"
      case .none: "-"
      }
    }

    var json: JSON {
      switch self {
      case .text(let text): .string(text)
      case .integer(let value): JSON(value)
      case .number(let value): JSON(value)
      case .shape(let shape): .array(shape.map { JSON($0) })
      case .none: .null
      }
    }

    var isNumeric: Bool {
      switch self {
      case .integer, .number, .none: true
      case .text, .shape: false
      }
    }

    private static func shortened(_ value: Double) -> String {
      guard value.isFinite, value != 0 else { return value == 0 ? "0" : value.isNaN ? "-" : "\(value)" }
      // Six significant digits, by way of the shortest text of a rounded value.
      var exponent = 0
      var magnitude = abs(value)
      while magnitude >= 10, exponent < 400 { (magnitude, exponent) = (magnitude / 10, exponent + 1) }
      while magnitude < 1, exponent > -400 { (magnitude, exponent) = (magnitude * 10, exponent - 1) }
      let digits = (magnitude * 1e5).rounded() / 1e5
      let sign = value < 0 ? "-" : ""
      if exponent < -4 || exponent > 9 { return "\(sign)\(digits)e\(exponent)" }
      var scale = 1.0
      for _ in 0..<max(0, 5 - exponent) { scale *= 10 }
      let text = "\((value * scale).rounded() / scale)"
      return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
  }

  let label: String
  let columns: [String]
  private(set) var rows: [[Cell]] = []
  /// Facts about the whole, shown below the table.
  var remarks: [(key: String, value: Cell)] = []
  var metadata: Metadata?

  init(label: String, columns: [String]) {
    self.label = label
    self.columns = columns
  }

  mutating func add(_ row: [Cell]) { rows.append(row) }

  func text(heading: Bool) -> String {
    let texts = rows.map { $0.map(\.text) }
    let widths = columns.indices.map { column in
      texts.reduce(columns[column].count) { max($0, $1[column].count) }
    }
    func line(_ cells: [String], numeric: [Bool]) -> String {
      var line = ""
      for (index, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        line += (index > 0 ? "  " : "") + (numeric[index] ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    let numeric = columns.indices.map { column in !rows.isEmpty && rows.allSatisfy { $0[column].isNumeric } }
    var result = heading ? "\(escapedForDiagnostics(label, quoted: false)):\n" : ""
    if !rows.isEmpty { result += line(columns, numeric: numeric) }
    for row in texts { result += line(row, numeric: numeric) }
    for (key, value) in remarks { result += "\(key): \(value.text)\n" }
    for (key, value) in metadata?.sortedEntries ?? [] {
      result += "\(escapedForDiagnostics(key, quoted: false)) = "
      result += escapedForDiagnostics(value, quoted: false) + "\n"
    }
    return result
  }

  private var json: [(String, JSON)] {
    var members: [(String, JSON)] = [("file", .string(label))]
    members += remarks.map { ($0.key.replacing(" ", with: "_"), $0.value.json) }
    if let metadata {
      members.append(("metadata", .object(metadata.sortedEntries.map { ($0.key, .string($0.value)) })))
    }
    let keys = columns.map { $0.replacing(" ", with: "_") }
    members.append(("rows", .array(rows.map { row in .object(zip(keys, row).map { ($0, $1.json) }) })))
    return members
  }

  /// One checkpoint is the object itself; several are listed in `files`.
  static func json(_ reports: [Report]) -> String {
    let schema: [(String, JSON)] = [("schema", JSON(1))]
    if reports.count == 1 { return JSON.object(schema + reports[0].json).encoded() }
    return JSON.object(schema + [("files", .array(reports.map { .object($0.json) }))]).encoded()
  }
}

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
    do {
      let network = try NetworkDescription(recordedIn: view)
      report.remarks.append(("architecture", .text(network.architectureName)))
      report.remarks.append(("decided by", .text("\(network.evidence)")))
      if let assumption = network.assumption { report.remarks.append(("assumed", .text(assumption))) }
      if !network.alternatives.isEmpty {
        report.remarks.append(("same tensors as", .text(network.alternatives.joined(separator: ", "))))
      }
      report.remarks.append(("classes", .integer(network.classCount)))
    } catch NetworkError.leftoverTensors(_, let architecture, let names, let count) {
      // Most files that are listed hold other things than classifiers; only a network that nearly fits is worth a remark.
      let more = count > names.count ? " and \(count - names.count) more" : ""
      let list = names.map(\.string).joined(separator: ", ")
      report.remarks.append(("not recognized", .text("\(architecture) but for \(list)\(more)")))
    } catch {}
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
