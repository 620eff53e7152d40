import FineTuning
import Platform

/// Loss and top-1 accuracy per epoch as an SVG picture.
///
/// The colors have enough contrast on white and on black, since not every viewer knows the page's scheme.
public struct LearningCurve: Sendable {
  private let title: String
  private let records: [EpochRecord]
  private let kept: Int?

  /// - Parameters:
  ///   - title: one line above the plots.
  ///   - records: at least one, in order.
  ///   - kept: the epoch whose parameters are the result, to be marked; nil for the last.
  public init(title: String, records: [EpochRecord], kept: Int? = nil) {
    self.title = title
    self.records = records
    self.kept = kept
  }

  private struct Series {
    let name: String
    let style: String
    let points: [(x: Double, y: Double)]
  }

  /// The picture: two plots side by side over the epochs, training solid and validation dashed.
  public var svg: String {
    func series(_ value: (Metrics) -> Double) -> [Series] {
      let train = records.map { (Double($0.epoch), value($0.train)) }
      let held = records.compactMap { record in
        record.validation.map { (Double(record.epoch), value($0)) }
      }
      var all = [Series(name: "train", style: "train", points: train)]
      if !held.isEmpty { all.append(Series(name: "validation", style: "val", points: held)) }
      return all
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 300" width="760" height="300" role="img">
      <title>\(escaped(title))</title>
      <style>
        text { font: 12px sans-serif; fill: #767676 }
        .title { font-size: 14px }
        .grid { stroke: #8888; stroke-width: .5 }
        .axis { stroke: #777 }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round }
        .train { stroke: #3b82c4 } .val { stroke: #e06c1a; stroke-dasharray: 6 3 }
        circle.line { stroke-dasharray: none }
      </style>
      <text class="title" x="20" y="22">\(escaped(title))</text>
      \(plot("loss", series(\.loss), left: 60))
      \(plot("top-1 (%)", series { 100 * $0.top1 }, left: 440))
      </svg>

      """
  }

  private func plot(_ name: String, _ series: [Series], left: Double) -> String {
    let (top, width, height) = (60.0, 290.0, 190.0)
    let values = series.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
    let ticks = Self.ticks(from: values.min() ?? 0, to: values.max() ?? 1)
    let (low, high) = (ticks.first!, ticks.last!)
    let last = Double(max(2, records.last?.epoch ?? 2))
    func x(_ epoch: Double) -> Double { left + (epoch - 1) / (last - 1) * width }
    func y(_ value: Double) -> Double { top + (high - value) / (high - low) * height }

    var parts = [#"<text x="\#(number(left))" y="48">\#(escaped(name))</text>"#]
    for tick in ticks {
      parts.append(
        """
        <line class="grid" x1="\(number(left))" x2="\(number(left + width))" y1="\(number(y(tick)))" \
        y2="\(number(y(tick)))"/><text x="\(number(left - 6))" y="\(number(y(tick) + 4))" \
        text-anchor="end">\(label(tick))</text>
        """)
    }
    for tick in Self.ticks(from: 1, to: last) where tick >= 1 && tick <= last && tick == tick.rounded() {
      parts.append(
        #"<text x="\#(number(x(tick)))" y="\#(number(top + height + 18))" text-anchor="middle">\#(label(tick))</text>"#
      )
    }
    parts.append(
      #"<text x="\#(number(left + width / 2))" y="\#(number(top + height + 36))" text-anchor="middle">epoch</text>"#
    )
    parts.append(
      #"<path class="axis" fill="none" d="M\#(number(left)) \#(number(top))v\#(number(height))h\#(number(width))"/>"#
    )
    for (index, line) in series.enumerated() {
      let points = line.points.filter(\.y.isFinite).map { "\(number(x($0.x))),\(number(y($0.y)))" }
      parts.append(
        #"<polyline class="line \#(line.style)" points="\#(points.joined(separator: " "))"/>"#)
      if let mark = line.points.first(where: { Int($0.x) == kept && $0.y.isFinite }) {
        parts.append(
          #"<circle class="line \#(line.style)" cx="\#(number(x(mark.x)))" cy="\#(number(y(mark.y)))" r="5"/>"#
        )
      }
      // One epoch alone would draw no line.
      if line.points.count == 1, let point = points.first?.split(separator: ",") {
        parts.append(#"<circle class="line \#(line.style)" cx="\#(point[0])" cy="\#(point[1])" r="3"/>"#)
      }
      let start = left + 110 + Double(index) * 80
      parts.append(
        """
        <path class="line \(line.style)" d="M\(number(start)) 44h22"/>\
        <text x="\(number(start + 27))" y="48">\(line.name)</text>
        """)
    }
    return parts.joined(separator: "\n")
  }

  /// Round numbers, at most eight, from at or below `low` to at or above `high`.
  static func ticks(from low: Double, to high: Double) -> [Double] {
    let span = max(high - low, max(abs(high), abs(low)) * 1e-6, 1e-9)
    let raw = span / 5
    let power = pow(10, floor(log10(raw)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999999 } ?? raw
    let first = (low / step).rounded(.down)
    let last = max((high / step).rounded(.up), first + 1)
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  private func number(_ value: Double) -> String { String(format: "%.1f", value) }
  private func label(_ value: Double) -> String { String(format: "%.6g", value) }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;")
  }
}
