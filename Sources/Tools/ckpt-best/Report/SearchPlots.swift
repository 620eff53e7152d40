import Charts
import ModelSearch
import Platform

/// Accuracy on the choosing images over the number of averaged checkpoints, the half-life and the size.
struct SearchPlots {
  /// A plot's points: one line for every size, or a single one.
  private struct Line {
    var label: String
    var points: [(x: Double, row: SearchResult.Row)]
  }

  private let rows: [SearchResult.Row]

  private static let width = 600.0
  private static let height = 330.0
  private static let left = 58.0
  private static let right = 400.0
  private static let top = 56.0
  private static let bottom = 270.0

  init(_ result: SearchResult) { rows = result.rows.filter { $0.entrant.tuning == nil } }

  /// The plots for which there are two points at least, as SVG.
  var pictures: [String] {
    let window = bySize { candidate in
      if case .mean(let last) = candidate { Double(last) } else { nil }
    }
    let halfLife = bySize { candidate in
      if case .movingAverage(let halfLife) = candidate { log2(halfLife) } else { nil }
    }
    return [
      draw(window, title: "Means of the last checkpoints", x: "checkpoints"),
      draw(halfLife, title: "Moving averages", x: "half-life in checkpoints, log2"),
      draw(byCandidate, title: "Sizes", x: "crop, pixels"),
    ].compactMap(\.self)
  }

  private func bySize(_ place: (Candidate) -> Double?) -> [Line] {
    let crops = Set(rows.map(\.entrant.preprocessing.crop)).sorted()
    return crops.compactMap { crop in
      let points = rows.compactMap { row -> (x: Double, row: SearchResult.Row)? in
        guard row.entrant.preprocessing.crop == crop, let x = place(row.entrant.candidate) else { return nil }
        return (x, row)
      }
      return points.isEmpty ? nil : Line(label: "crop \(crop)", points: Self.best(points))
    }
  }

  /// The most accurate candidates that are finalists at some size, over all sizes.
  private var byCandidate: [Line] {
    var seen: [Candidate] = []
    let finalists = rows.filter(\.isFinalist).sorted { $0.top1.value > $1.top1.value }
    for row in finalists where !seen.contains(row.entrant.candidate) { seen.append(row.entrant.candidate) }
    return seen.prefix(PlotStyle.colorCount).map { candidate in
      let points = rows.filter { $0.entrant.candidate == candidate && $0.entrant.isRecalibrated }
        .map { (x: Double($0.entrant.preprocessing.crop), row: $0) }
      return Line(label: candidate.key, points: Self.best(points))
    }.filter { !$0.points.isEmpty }
  }

  /// The most accurate row of each place, ascending.
  private static func best(
    _ points: [(x: Double, row: SearchResult.Row)]
  ) -> [(x: Double, row: SearchResult.Row)] {
    var best: [Double: SearchResult.Row] = [:]
    for point in points where (best[point.x]?.top1.value ?? -1) < point.row.top1.value {
      best[point.x] = point.row
    }
    return best.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private func draw(_ lines: [Line], title: String, x label: String) -> String? {
    let points = lines.flatMap(\.points)
    guard Set(points.map(\.x)).count > 1, let low = points.map(\.x).min(), let high = points.map(\.x).max(),
      let worst = points.map(\.row.top1.value).min(), let best = points.map(\.row.top1.value).max()
    else { return nil }
    let x = PlotScale(low...high, from: Self.left, to: Self.right, tickCount: 6, isRounded: false)
    let y = PlotScale(
      100 * worst...100 * best, from: Self.bottom, to: Self.top, tickCount: 6, isRounded: true)
    var body = [
      SVG.text(Self.left, 26, title, "title"),
      SVG.text(Self.left, 44, "top-1 on the choosing images; hollow: left before the final", "soft"),
    ]
    body += SVG.axes(x, y, xLabel: label, unit: " %")
    for (number, line) in lines.enumerated() {
      let tint = PlotStyle.line(color: number, dashes: 0)
      let places = line.points.map { (x: x($0.x), y: y(100 * $0.row.top1.value)) }
      body.append(SVG.polyline(places, tint))
      for (point, place) in zip(line.points, places) {
        body.append(
          SVG.marker(
            PlotMarker(number: number), place.x, place.y, 4,
            "dot \(point.row.isFinalist ? "full" : "hollow") \(tint)"))
        if point.row.isChosen { body.append(SVG.circle(place.x, place.y, 9, "ring")) }
      }
      body.append(
        SVG.text(Self.right + 14, Self.top + 16 * Double(number) + 10, line.label, "name \(tint)"))
    }
    return SVG.document(width: Self.width, height: Self.height, title: title, body: body)
  }
}
