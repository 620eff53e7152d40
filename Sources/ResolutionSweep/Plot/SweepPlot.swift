import TensorMath

/// Top-1 accuracy against size as a self-contained SVG picture that follows the reader's light or dark scheme.
///
/// One line per crop, interpolation and checkpoint. Whiskers are 95 % intervals of each accuracy by itself (Wilson);
/// what can be told apart on the same images is finer than they suggest and is shown by the dots: filled ones cannot be
/// told from the best.
public struct SweepPlot {
  private let report: SweepReport
  private let axis: PlotAxis
  private let series: [PlotSeries]
  private let x: PlotScale
  private let y: PlotScale

  static let width = 760.0
  static let height = 440.0
  private static let left = 62.0
  private static let right = 170.0
  private static let top = 84.0
  private static let bottom = 56.0

  /// - Parameters:
  ///   - report: the rows to draw.
  ///   - trainSizes: for each network of the sweep the size of its training images, if known.
  public init(_ report: SweepReport, trainSizes: [Int?] = []) {
    let networks = 1 + (report.rows.flatMap(\.setting.networks).max() ?? 0)
    let known = trainSizes + Array(repeating: nil, count: max(0, networks - trainSizes.count))
    self.report = report
    axis = PlotAxis(report.rows)
    series = PlotSeries.all(report.rows, axis: axis, trainSizes: known)
    let points = series.flatMap(\.points)
    let marked = axis == .crop ? series.compactMap(\.trainSize) : []
    let sizes = (points.map(\.size) + marked).map(Double.init)
    let pad = max(1, (sizes.max()! - sizes.min()!) * 0.03)
    x = PlotScale(
      sizes.min()! - pad...sizes.max()! + pad, from: Self.left, to: Self.width - Self.right, tickCount: 8,
      isRounded: false)
    y = PlotScale(
      100 * points.map(\.interval.lowerBound).min()!...100 * points.map(\.interval.upperBound).max()!,
      from: Self.height - Self.bottom, to: Self.top, tickCount: 7, isRounded: true)
  }

  /// The picture.
  public var svg: String {
    var lines = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(Int(Self.width)) \#(Int(Self.height))" width="\#(Int(Self.width))" height="\#(Int(Self.height))" role="img">"#,
      "<title>\(xml(title))</title>", PlotStyle.css,
      #"<rect class="paper" width="100%" height="100%"/>"#,
      text(Self.left, 28, title, "title"), text(Self.left, 47, subtitle, "soft"),
    ]
    lines += axes + trainMarks
    for (index, one) in series.enumerated() { lines += draw(one, color: index) }
    lines += labels + chosenMark
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  private var title: String { "Top-1 accuracy over inference size" }

  private var subtitle: String {
    let n = report.rows.map(\.top1.count).max() ?? 0
    return "\(report.dataset), \(n) images; bars: 95 % interval; filled: cannot be told from the best"
  }

  private var axes: [String] {
    let (low, high) = (x(x.values.lowerBound), x(x.values.upperBound))
    var lines: [String] = []
    for tick in y.ticks {
      lines.append(line(low, y(tick), high, y(tick), "grid"))
      lines.append(text(low - 8, y(tick) + 4, number(tick) + " %", "soft end"))
    }
    let base = Self.height - Self.bottom
    for tick in x.ticks where tick == tick.rounded() {
      lines.append(line(x(tick), base, x(tick), base + 5, "axis"))
      lines.append(text(x(tick), base + 20, number(tick), "soft middle"))
    }
    lines.append(line(low, base, high, base, "axis"))
    lines.append(text((low + high) / 2, Self.height - 14, axis.rawValue, "middle"))
    return lines
  }

  /// Lines of one training size share a mark; the colour is the line's own when the sizes differ.
  private var trainMarks: [String] {
    guard axis == .crop else { return [] }
    let sizes = Set(series.compactMap(\.trainSize)).sorted()
    return sizes.flatMap { size -> [String] in
      let owner = series.firstIndex { $0.trainSize == size }!
      let color = sizes.count > 1 ? "s\(owner % PlotStyle.colorCount)" : "plain"
      let at = x(Double(size))
      return [
        line(at, Self.top, at, Self.height - Self.bottom, "train \(color)"),
        text(at + 4, Self.height - Self.bottom - 6, "trained at \(size)", "soft"),
      ]
    }
  }

  private func draw(_ one: PlotSeries, color: Int) -> [String] {
    let style = "s\(color % PlotStyle.colorCount)"
    let stroke = color >= PlotStyle.colorCount ? style + " dashed" : style
    let places = one.points.map { (x(Double($0.size)), y(100 * $0.accuracy)) }
    let path = places.map { "\(coordinate($0.0)),\(coordinate($0.1))" }.joined(separator: " ")
    var lines = [#"<polyline class="line \#(stroke)" points="\#(path)"/>"#]
    for (point, place) in zip(one.points, places) {
      let (low, high) = (y(100 * point.interval.lowerBound), y(100 * point.interval.upperBound))
      lines.append(line(place.0, low, place.0, high, "bar \(style)"))
      let fill = report.rows[point.row].isIndistinguishable ? "full" : "hollow"
      lines.append(circle(place.0, place.1, 4, "dot \(fill) \(style)"))
    }
    return lines
  }

  /// The lines' names at their right ends, pushed apart where they would overlap.
  private var labels: [String] {
    let ends = series.indices.filter { !series[$0].label.isEmpty }
      .map { (index: $0, y: y(100 * series[$0].points.last!.accuracy) + 4) }
      .sorted { $0.y < $1.y }
    var lines: [String] = []
    var lowest = -Double.infinity
    for end in ends {
      lowest = max(end.y, lowest + 15)
      let style = "s\(end.index % PlotStyle.colorCount)"
      lines.append(
        text(Self.width - Self.right + 10, lowest, shortened(series[end.index].label), "name \(style)"))
    }
    return lines
  }

  private var chosenMark: [String] {
    for one in series {
      for point in one.points where point.row == report.verdict.chosen {
        let place = (x(Double(point.size)), y(100 * point.accuracy))
        let preprocessing = report.rows[point.row].setting.preprocessing
        let label =
          "chosen: resize \(preprocessing.resize), crop \(preprocessing.crop), "
          + String(format: "%.1f %%", 100 * point.accuracy)
        // Above all lines, turned to the side with more room.
        let isLeft = place.0 > Self.width / 2
        return [
          circle(place.0, place.1, 9, "ring"),
          line(place.0, place.1 - 9, place.0, Self.top - 4, "leader"),
          text(place.0 + (isLeft ? 4 : -4), Self.top - 8, label, "chosen" + (isLeft ? " end" : "")),
        ]
      }
    }
    return []
  }

  private func shortened(_ label: String) -> String {
    label.count <= 24 ? label : "…" + label.suffix(23)
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() ? String(format: "%.0f", value) : String(format: "%g", value)
  }

  private func coordinate(_ value: Double) -> String { String(format: "%.1f", value) }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    #"<line class="\#(style)" x1="\#(coordinate(x1))" y1="\#(coordinate(y1))" x2="\#(coordinate(x2))" y2="\#(coordinate(y2))"/>"#
  }

  private func circle(_ x: Double, _ y: Double, _ radius: Int, _ style: String) -> String {
    #"<circle class="\#(style)" cx="\#(coordinate(x))" cy="\#(coordinate(y))" r="\#(radius)"/>"#
  }

  private func text(_ x: Double, _ y: Double, _ content: String, _ style: String) -> String {
    #"<text class="\#(style)" x="\#(coordinate(x))" y="\#(coordinate(y))">\#(xml(content))</text>"#
  }

  /// Text as XML has it; characters that XML forbids become U+FFFD.
  private func xml(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\"": result += "&quot;"
      case "\u{9}", "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"...:
        result.unicodeScalars.append(scalar)
      default: result += "\u{FFFD}"
      }
    }
    return result
  }
}
