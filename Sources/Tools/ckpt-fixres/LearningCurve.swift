import Charts
import FineTuning
import Platform

/// Loss and top-1 accuracy per epoch as an SVG picture that follows the reader's light or dark scheme.
public struct LearningCurve: Sendable {
  private let title: String
  private let records: [EpochRecord]
  private let kept: Int?

  private static let size = (width: 780.0, height: 320.0)
  private static let plot = (top: 78.0, width: 300.0, height: 180.0)

  /// - Parameters:
  ///   - title: one line above the plots.
  ///   - records: at least one, in order.
  ///   - kept: the epoch whose parameters are the result, to be marked; nil for the last.
  public init(title: String, records: [EpochRecord], kept: Int? = nil) {
    self.title = title
    self.records = records
    self.kept = kept
  }

  /// The picture: two plots side by side over the epochs, training solid and validation dashed.
  public var svg: String {
    SVG.document(
      width: Self.size.width, height: Self.size.height, title: title,
      body: [SVG.text(20, 28, title, "title")]
        + panel("loss", left: 62) { $0.loss } + panel("top-1", left: 452, unit: " %") { 100 * $0.top1 })
  }

  /// The picture with its size.
  var picture: Picture { Picture(svg: svg, width: Self.size.width, height: Self.size.height) }

  private struct Series {
    let name: String
    let style: String
    let points: [(x: Double, y: Double)]
  }

  private func series(_ value: (Metrics) -> Double) -> [Series] {
    func points(_ metrics: (EpochRecord) -> Metrics?) -> [(x: Double, y: Double)] {
      records.compactMap { record in metrics(record).map { (Double(record.epoch), value($0)) } }
        .filter(\.y.isFinite)
    }
    let validation = points(\.validation)
    return [Series(name: "training", style: "s0", points: points(\.train))]
      + (validation.isEmpty ? [] : [Series(name: "validation", style: "s1 dashed", points: validation)])
  }

  private func panel(
    _ name: String, left: Double, unit: String = "", _ value: (Metrics) -> Double
  ) -> [String] {
    let series = series(value)
    let values = series.flatMap { $0.points.map(\.y) }
    let plot = Self.plot
    let x = PlotScale(
      1...Double(max(2, records.last?.epoch ?? 2)), from: left, to: left + plot.width, tickCount: 6,
      isRounded: false)
    let y = PlotScale(
      (values.min() ?? 0)...(values.max() ?? 1), from: plot.top + plot.height, to: plot.top, tickCount: 6,
      isRounded: true)

    var lines = [SVG.text(left, 58, name)] + SVG.axes(x, y, xLabel: "epoch", unit: unit)
    for (index, one) in series.enumerated() {
      let places = one.points.map { (x: x($0.x), y: y($0.y)) }
      lines.append(SVG.polyline(places, one.style))
      let color = one.style.split(separator: " ")[0]
      for (point, place) in zip(one.points, places) where Int(point.x) == kept {
        lines.append(SVG.circle(place.x, place.y, 5, "dot hollow \(color)"))
      }
      // One epoch alone would draw no line.
      if places.count == 1 { lines.append(SVG.circle(places[0].x, places[0].y, 3, "dot full \(color)")) }
      let start = left + 110 + Double(index) * 90
      lines.append(SVG.polyline([(start, 54), (start + 22, 54)], one.style))
      lines.append(SVG.text(start + 27, 58, one.name, "soft"))
    }
    return lines
  }
}
