import Charts
import Platform
import ResolutionSweep

/// Accuracy over the cost of inference: all settings, and the Pareto front as steps.
struct CostPanel {
  private let report: SweepReport
  private let looks: [PlotLook]
  private let left: Double
  private let top: Double
  private let x: PlotScale
  private let y: PlotScale

  /// Room that the panel takes from its top edge down.
  static let height = 300.0
  private static let plot = (top: 52.0, bottom: 244.0)

  /// - Parameters:
  ///   - report: the rows to draw, of those measured on all images.
  ///   - left: left end of the axis.
  ///   - top: upper edge of the panel.
  ///   - width: length of the axis.
  /// - Returns: nil where all settings cost the same.
  init?(_ report: SweepReport, looks: [PlotLook], left: Double, top: Double, width: Double) {
    let complete = Self.complete(report)
    let costs = complete.map { Self.cost(report.rows[$0], report.cost) }
    let accuracies = complete.map { 100 * report.rows[$0].top1.value }
    guard let least = costs.min(), let most = costs.max(), most > least else { return nil }
    self.report = report
    self.looks = looks
    self.left = left
    self.top = top
    let pad = 0.03 * (most - least)
    x = PlotScale(
      least - pad...most + pad, from: left, to: left + width, tickCount: 8, isRounded: false)
    y = PlotScale(
      accuracies.min()!...accuracies.max()!, from: top + Self.plot.bottom, to: top + Self.plot.top,
      tickCount: 5, isRounded: true)
  }

  var elements: [String] {
    [SVG.text(left, top + 16, "Top-1 accuracy over cost", "title")]
      + [SVG.text(left, top + 34, "line and filled: settings that no cheaper one matches", "soft")]
      + SVG.axes(x, y, xLabel: Self.label(report.cost), unit: " %", wholeTicks: false)
      + front + points
  }

  /// Accuracy that is to be had for at most a cost: level up to the next setting of the front, then up.
  private var front: [String] {
    var corners: [(x: Double, y: Double)] = []
    for row in report.paretoFront {
      let place = place(row)
      if let last = corners.last { corners.append((place.x, last.y)) }
      corners.append(place)
    }
    if let last = corners.last { corners.append((x(x.values.upperBound), last.y)) }
    return corners.isEmpty ? [] : [SVG.polyline(corners, "front")]
  }

  private var points: [String] {
    let chosen = report.verdict.chosen
    return Self.complete(report).flatMap { row -> [String] in
      let (place, look) = (place(row), looks[row])
      let fill = report.rows[row].isParetoOptimal ? "full" : "hollow"
      let marker = SVG.marker(look.marker, place.x, place.y, 4, "point \(fill) \(look.tint)")
      return row == chosen ? [marker, SVG.circle(place.x, place.y, 9, "ring")] : [marker]
    }
  }

  private func place(_ row: Int) -> (x: Double, y: Double) {
    (x(Self.cost(report.rows[row], report.cost)), y(100 * report.rows[row].top1.value))
  }

  /// Rows measured on as many images as the chosen one; a race drops the others.
  private static func complete(_ report: SweepReport) -> [Int] {
    let count = report.rows[report.verdict.chosen].top1.count
    return report.rows.indices.filter { report.rows[$0].top1.count == count }
  }

  private static func cost(_ row: SweepRow, _ cost: Cost) -> Double {
    cost == .multiplyAdds ? cost.of(row) / 1e6 : cost.of(row)
  }

  private static func label(_ cost: Cost) -> String {
    switch cost {
    case .multiplyAdds: "million multiply-adds per image"
    case .milliseconds: "median latency of one image, ms"
    }
  }
}
