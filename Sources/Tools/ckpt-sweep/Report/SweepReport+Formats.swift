import Checkpoint
import Evaluation
import Platform
import ResolutionSweep
import Statistics

extension SweepReport {
  /// Tab-separated values with a heading line: fractions of 1, full precision, `indistinguishable`, `pareto` and
  /// `chosen` as 0 or 1; then the further scores.
  public func tsv(timing: Bool = false) -> String {
    let columns = columns(timing: timing)
    let headings = columns.map(\.key) + ["indistinguishable", "pareto", "chosen"] + scores.map(\.key)
    var lines = [headings.joined(separator: "\t")]
    for (index, row) in rows.enumerated() {
      var fields = columns.map { column -> String in
        switch column.json(row) {
        case .string(let text): TensorName(text).escaped
        case let value: value.encoded()
        }
      }
      fields += [row.isIndistinguishable, row.isParetoOptimal, index == verdict.chosen].map { $0 ? "1" : "0" }
      fields += scores.map { $0.json(row).encoded() }
      lines.append(fields.joined(separator: "\t"))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One JSON object on one line: `schema`, `data`, `rows`, `selection`. Accuracies are fractions of 1, losses nats.
  public func json(timing: Bool = false, preset: Preset? = nil) -> String {
    JSON.object(members(timing: timing, preset: preset)).encoded() + "\n"
  }

  /// The JSON object with what else is known of the run, for a report.
  ///
  /// - Parameter run: members that come after `schema`.
  func json(run: [(String, JSON)]) -> JSON {
    var members = members(timing: true, preset: nil)
    members.insert(contentsOf: run, at: 1)
    return .object(members)
  }

  private func members(timing: Bool, preset: Preset?) -> [(String, JSON)] {
    let columns = columns(timing: timing)
    let rows = self.rows.enumerated().map { index, row in
      var members = (columns + scores).map { ($0.key, $0.json(row)) }
      if let real = row.real { members.append(("real_n", JSON(real.count))) }
      if let name = architecture(of: row) { members.append(("architecture", .string(name))) }
      members += [
        ("top1_interval", JSON(row.top1.wilsonInterval())),
        ("behind_best", row.deficit.map { JSON($0) } ?? .null),
        ("indistinguishable", .bool(row.isIndistinguishable)), ("pareto", .bool(row.isParetoOptimal)),
        ("chosen", .bool(index == verdict.chosen)),
      ]
      return JSON.object(members)
    }
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("data", .string(dataset)), ("rows", .array(rows)), ("selection", verdict.json),
      (
        "pareto_front",
        .object([("cost", .string(cost.rawValue)), ("rows", .array(paretoFront.map { JSON($0) }))])
      ),
    ]
    if let latencyThreads {
      members.append(
        (
          "latency",
          .object([
            ("images", JSON(1)), ("warm_up_runs", JSON(Latency.warmUps)), ("runs", JSON(Latency.runs)),
            ("threads", JSON(latencyThreads)),
          ])
        ))
    }
    if let calibration { members.append(("temperature", calibration.json)) }
    if let preset { members.append(("preset", .string(text(of: preset)))) }
    return members
  }

  /// The architecture of a row's networks by the library's name; nil if unknown.
  private func architecture(of row: SweepRow) -> String? {
    let networks = row.setting.networks
    guard networks.allSatisfy(architectures.indices.contains) else { return nil }
    var names: [String] = []
    for network in networks where !names.contains(architectures[network]) {
      names.append(architectures[network])
    }
    return names.joined(separator: " + ")
  }

  /// A table for people: percentages, a bar for top-1 from the worst to the best setting, and what the marks mean.
  ///
  /// - Parameters:
  ///   - timing: whether measured times are shown.
  ///   - preset: the library whose configuration of the choice ends the text; nil for none.
  ///   - width: columns that there are; nil for as many as it takes.
  public func table(timing: Bool = false, preset: Preset? = nil, width: Int? = nil) -> String {
    var columns = columns(timing: timing)
    // The line below the table names it; the column would cost the bars their room.
    if Set(rows.map(\.setting.preprocessing.interpolation)).count == 1 {
      columns.removeAll { $0.key == "interpolation" }
    }
    let omitted = omit(&columns, untilWithin: width)
    let cells = [columns.map(\.heading)] + rows.map { row in columns.map { $0.text(row) } }
    let widths = columns.map(self.width)
    // Shares of other images than the rest saw are no measure for a bar.
    let accuracies = rows.filter { !isDropped($0) }.map(\.top1.value)
    let range = (accuracies.min() ?? 0)...(accuracies.max() ?? 0)
    // Two for the mark, and two between columns.
    let room = width.map { $0 - widths.reduce(2) { $0 + 2 + $1 } - 1 } ?? Self.longestBar
    let longest = min(Self.longestBar, room)
    var lines: [String] = []
    for (index, line) in cells.enumerated() {
      let padded = columns.indices.map { column in
        pad(line[column], to: widths[column], left: columns[column].isLeftAligned)
      }
      let mark = index == 0 ? "  " : self.mark(index - 1)
      var text = "\(mark) \(padded.joined(separator: "  "))"
      if index > 0 && longest >= 3 && !isDropped(rows[index - 1]) {
        text += "  " + bar(rows[index - 1].top1.value, in: range, longest: longest)
      }
      lines.append(text)
    }
    let note = omitted.isEmpty ? [] : ["omitted on this narrow terminal: \(omitted.joined(separator: ", "))"]
    return (lines + ["", marks] + note + summaryLines + [preset.map(text)].compactMap { $0 }).joined(
      separator: "\n")
      + "\n"
  }

  private static let longestBar = 12

  /// Takes away what can best be done without as long as the lines would wrap.
  ///
  /// - Returns: the headings of what was taken away.
  private func omit(_ columns: inout [SweepColumn], untilWithin width: Int?) -> [String] {
    guard let width else { return [] }
    var omitted: [String] = []
    for key in ["images_per_second", "latency_p95_ms", "calibration_error", "loss", "top5"] {
      let needed = columns.reduce(1) { $0 + 2 + self.width($1) }
      guard needed > width, let place = columns.firstIndex(where: { $0.key == key }) else { continue }
      omitted.append(columns.remove(at: place).heading)
    }
    return omitted
  }

  private func width(_ column: SweepColumn) -> Int {
    max(column.heading.count, rows.map { column.text($0).count }.max() ?? 0)
  }

  /// True if a race measured it on some of the images only.
  private func isDropped(_ row: SweepRow) -> Bool { row.top1.count < rows[verdict.chosen].top1.count }

  private func mark(_ index: Int) -> String {
    let row = rows[index]
    let first = index == verdict.chosen ? "*" : row.isIndistinguishable ? "=" : isDropped(row) ? "x" : " "
    return first + (row.isParetoOptimal ? "^" : " ")
  }

  private func pad(_ text: String, to width: Int, left: Bool) -> String {
    let space = String(repeating: " ", count: width - text.count)
    return left ? text + space : space + text
  }

  private func bar(_ value: Double, in range: ClosedRange<Double>, longest: Int) -> String {
    let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let span = range.upperBound - range.lowerBound
    // The worst keeps a sliver, so that every row is seen to have a bar.
    let share = span > 0 ? (value - range.lowerBound) / span : 1
    let units = Int((1 + share * Double(8 * longest - 1)).rounded())
    return String(repeating: "█", count: units / 8) + eighths[units % 8]
  }

  private var marks: String {
    var marks = "* chosen"
    if rows.indices.contains(where: { rows[$0].isIndistinguishable && $0 != verdict.chosen }) {
      marks += "; = indistinguishable from the best"
    }
    if rows.count > 1 {
      marks += "; ^ no \(cost == .milliseconds ? "faster" : "cheaper") setting is as accurate"
    }
    if rows.contains(where: isDropped) { marks += "; x dropped by the race after n images" }
    return marks
  }

  /// The chosen preprocessing as a library's configuration.
  public func text(of preset: Preset) -> String {
    let setting = rows[verdict.chosen].setting
    return preset.text(
      for: setting, transformsInput: setting.networks.contains(where: transformsInput.contains))
  }

  /// The choice, its score and what the score is worth; then the confirmation, if there is one.
  public var summaryLines: [String] {
    [summary] + [calibration?.summary, verdict.confirmationSummary, latencySummary].compactMap { $0 }
  }

  /// How the latencies were measured; nil without them.
  private var latencySummary: String? {
    latencyThreads.map { threads in
      "latency: median and 95th percentile of \(Latency.runs) runs on 1 image, after \(Latency.warmUps) others, with \(threads) thread\(threads == 1 ? "" : "s")"
    }
  }

  /// One line: the choice, its score and what the score is worth.
  private var summary: String {
    let row = rows[verdict.chosen]
    let preprocessing = row.setting.preprocessing
    let of = row.checkpoint.map { "\(displayName($0)), " } ?? ""
    var parts = [
      "resize \(preprocessing.resize)", "crop \(preprocessing.crop)", preprocessing.interpolation.rawValue,
    ]
    parts += row.setting.peculiarities
    let chosen = of + parts.joined(separator: ", ")
    return "\(chosen): \(verdict.summary(isChoice: rows.count > 1))"
  }
}

extension TemperatureScaling {
  /// The temperature and its effect, in words.
  fileprivate var summary: String {
    String(
      format: "temperature %.4f: loss %.4f to %.4f, ECE %.2f to %.2f %% (each half scaled by the other's)",
      temperature, before.meanLoss, after.meanLoss, 100 * before.calibrationError,
      100 * after.calibrationError)
  }

  fileprivate var json: JSON {
    func scores(_ outcomes: SettingOutcomes) -> JSON {
      .object([
        ("loss", JSON(outcomes.meanLoss)), ("brier", JSON(outcomes.meanBrierScore)),
        ("calibration_error", JSON(outcomes.calibrationError)),
        ("adaptive_calibration_error", JSON(outcomes.adaptiveCalibrationError)),
      ])
    }
    return .object([
      ("value", JSON(temperature)), ("n", JSON(before.count)), ("before", scores(before)),
      ("after", scores(after)),
    ])
  }
}

/// One column of table and TSV and one member of a JSON row: the same value, written three ways.
struct SweepColumn {
  var key: String
  var heading: String
  var isLeftAligned = false
  var json: (SweepRow) -> JSON
  /// As people read it: percentages, rounded.
  var text: (SweepRow) -> String
}

extension SweepReport {
  /// The columns in use.
  ///
  /// - Parameter timing: whether to include what differs from run to run.
  func columns(timing: Bool) -> [SweepColumn] {
    var columns: [SweepColumn] = []
    if rows.contains(where: { $0.checkpoint != nil }) {
      columns.append(.name("checkpoint", "checkpoint") { $0.checkpoint ?? "" })
    }
    columns += [
      .integer("resize") { $0.setting.preprocessing.resize },
      .integer("crop") { $0.setting.preprocessing.crop },
      .name("interpolation", "interpolation") { $0.setting.preprocessing.interpolation.rawValue },
    ]
    if rows.contains(where: { $0.setting.preprocessing.mode != .shorterSide }) {
      columns.append(.name("resize_mode", "resized") { $0.setting.preprocessing.mode.rawValue })
    }
    if rows.contains(where: { $0.setting.views != .center }) {
      columns.append(.name("views", "views") { $0.setting.views.rawValue })
    }
    if rows.contains(where: { $0.setting.pooling != .average }) {
      columns.append(.name("pooling", "pooling") { $0.setting.pooling.name })
    }
    if rows.contains(where: { $0.setting.batchNorm != .stored }) {
      columns.append(.name("batchnorm", "BatchNorm") { $0.setting.batchNorm.rawValue })
    }
    columns += [
      .integer("n") { $0.top1.count },
      .real("top1", "top-1 %", "%.2f", scale: 100) { $0.top1.value },
      .real("top5", "top-5 %", "%.2f", scale: 100) { $0.top5.value },
      .real("loss", "loss", "%.4f") { $0.loss },
      .real("calibration_error", "ECE %", "%.2f", scale: 100) { $0.calibrationError },
      SweepColumn(
        key: "multiply_adds", heading: "M mult-adds", json: { JSON($0.multiplyAdds) },
        text: { String(format: "%.1f", Double($0.multiplyAdds) / 1e6) }),
    ]
    if timing { columns.append(.real("images_per_second", "images/s", "%.1f") { $0.imagesPerSecond }) }
    if rows.contains(where: { $0.latency != nil }) {
      columns += [
        .real("latency_ms", "ms", "%.2f") { $0.latency?.median ?? .nan },
        .real("latency_p95_ms", "p95 ms", "%.2f") { $0.latency?.percentile95 ?? .nan },
      ]
    }
    if rows.contains(where: { $0.real != nil }) {
      columns.append(.real("real", "ReaL %", "%.2f", scale: 100) { $0.real?.value ?? 0 })
    }
    return columns
  }

  /// Further scores, for which a table for people has no room.
  var scores: [SweepColumn] {
    [
      .real("balanced_accuracy", "balanced %", "%.2f", scale: 100) { $0.balancedAccuracy },
      .real("macro_f1", "macro F1 %", "%.2f", scale: 100) { $0.macroF1 },
      .real("brier", "Brier", "%.4f") { $0.brierScore },
      .real("adaptive_calibration_error", "adaptive ECE %", "%.2f", scale: 100) {
        $0.adaptiveCalibrationError
      },
    ]
  }
}

extension SweepColumn {
  fileprivate static func integer(_ key: String, _ value: @escaping (SweepRow) -> Int) -> SweepColumn {
    SweepColumn(key: key, heading: key, json: { JSON(value($0)) }, text: { "\(value($0))" })
  }

  fileprivate static func name(
    _ key: String, _ heading: String, _ value: @escaping (SweepRow) -> String
  ) -> SweepColumn {
    SweepColumn(
      key: key, heading: heading, isLeftAligned: true, json: { .string(value($0)) },
      text: { displayName(value($0)) })
  }

  fileprivate static func real(
    _ key: String, _ heading: String, _ format: String, scale: Double = 1,
    _ value: @escaping (SweepRow) -> Double
  ) -> SweepColumn {
    SweepColumn(
      key: key, heading: heading, json: { JSON(value($0)) },
      text: { String(format: format, scale * value($0)) })
  }
}
