import Checkpoint

extension SweepReport {
  /// Tab-separated values with a heading line: fractions of 1, full precision, `indistinguishable`, `pareto` and
  /// `chosen` as 0 or 1.
  public func tsv(timing: Bool = false) -> String {
    let columns = columns(timing: timing)
    var lines = [(columns.map(\.key) + ["indistinguishable", "pareto", "chosen"]).joined(separator: "\t")]
    for (index, row) in rows.enumerated() {
      var fields = columns.map { column -> String in
        switch column.json(row) {
        case .string(let text): TensorName(text).escaped
        case let value: value.encoded()
        }
      }
      fields += [row.isIndistinguishable, row.isParetoOptimal, index == verdict.chosen].map { $0 ? "1" : "0" }
      lines.append(fields.joined(separator: "\t"))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One JSON object on one line: `schema`, `data`, `rows`, `selection`. Accuracies are fractions of 1, losses nats.
  public func json(timing: Bool = false, preset: Preset? = nil) -> String {
    let columns = columns(timing: timing)
    let rows = self.rows.enumerated().map { index, row in
      let interval = row.top1.wilsonInterval()
      return JSON.object(
        columns.map { ($0.key, $0.json(row)) } + [
          ("top1_interval", .array([JSON(interval.lowerBound), JSON(interval.upperBound)])),
          ("indistinguishable", .bool(row.isIndistinguishable)), ("pareto", .bool(row.isParetoOptimal)),
          ("chosen", .bool(index == verdict.chosen)),
        ])
    }
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("data", .string(dataset)), ("rows", .array(rows)), ("selection", verdict.json),
    ]
    if let preset { members.append(("preset", .string(text(of: preset)))) }
    return JSON.object(members).encoded() + "\n"
  }

  /// A table for people: percentages, a bar for top-1 from the worst to the best setting, and what the marks mean.
  public func table(timing: Bool = false, preset: Preset? = nil) -> String {
    let columns = columns(timing: timing)
    let cells = [columns.map(\.heading)] + rows.map { row in columns.map { $0.text(row) } }
    let widths = columns.indices.map { column in cells.map { $0[column].count }.max()! }
    let accuracies = rows.map(\.top1.value)
    let range = (accuracies.min() ?? 0)...(accuracies.max() ?? 0)
    var lines: [String] = []
    for (index, line) in cells.enumerated() {
      let padded = columns.indices.map { column in
        pad(line[column], to: widths[column], left: columns[column].isLeftAligned)
      }
      let mark = index == 0 ? "  " : self.mark(index - 1)
      let bar = index == 0 ? "" : "  " + self.bar(accuracies[index - 1], in: range)
      lines.append("\(mark) \(padded.joined(separator: "  "))\(bar)")
    }
    return (lines + ["", marks] + summaryLines + [preset.map(text)].compactMap { $0 }).joined(separator: "\n")
      + "\n"
  }

  private func mark(_ index: Int) -> String {
    (index == verdict.chosen ? "*" : rows[index].isIndistinguishable ? "=" : " ")
      + (rows[index].isParetoOptimal ? "^" : " ")
  }

  private func pad(_ text: String, to width: Int, left: Bool) -> String {
    let space = String(repeating: " ", count: width - text.count)
    return left ? text + space : space + text
  }

  private func bar(_ value: Double, in range: ClosedRange<Double>) -> String {
    let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let span = range.upperBound - range.lowerBound
    // The worst keeps a sliver, so that every row is seen to have a bar.
    let share = span > 0 ? (value - range.lowerBound) / span : 1
    let units = Int((1 + share * 95).rounded())
    return String(repeating: "█", count: units / 8) + eighths[units % 8]
  }

  private var marks: String {
    var marks = "* chosen"
    if rows.indices.contains(where: { rows[$0].isIndistinguishable && $0 != verdict.chosen }) {
      marks += "; = cannot be told from the best"
    }
    if rows.count > 1 { marks += "; ^ nothing cheaper is as accurate" }
    return marks
  }

  /// The chosen preprocessing as a library's configuration.
  public func text(of preset: Preset) -> String {
    preset.text(for: rows[verdict.chosen].setting.preprocessing)
  }

  /// The choice, its score and what the score is worth; then the confirmation, if there is one.
  public var summaryLines: [String] { [summary] + [verdict.confirmationSummary].compactMap { $0 } }

  /// One line: the choice, its score and what the score is worth.
  private var summary: String {
    let row = rows[verdict.chosen]
    let preprocessing = row.setting.preprocessing
    let of = row.checkpoint.map { "\(TensorName($0).escaped), " } ?? ""
    var parts = [
      "resize \(preprocessing.resize)", "crop \(preprocessing.crop)", preprocessing.interpolation.rawValue,
    ]
    if preprocessing.mode != .shorterSide { parts.append(preprocessing.mode.rawValue) }
    if row.setting.views != .center { parts.append("views \(row.setting.views.rawValue)") }
    let chosen = of + parts.joined(separator: ", ")
    return "\(chosen): \(verdict.summary(isChoice: rows.count > 1))"
  }
}
