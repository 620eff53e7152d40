import Platform

/// Elements of a plot as SVG text, with the classes of `PlotStyle`.
///
/// ```swift
/// let x = PlotScale(1...30, from: 60, to: 350, tickCount: 6, isRounded: false)
/// let y = PlotScale(0.2...0.9, from: 250, to: 60, tickCount: 5, isRounded: true)
/// let svg = SVG.document(
///   width: 400, height: 300, title: "Loss", body: SVG.axes(x, y, xLabel: "epoch") + [SVG.polyline([(x(1), y(0.8))], "s0")])
/// ```
package enum SVG {
  /// A picture on its own paper, light or dark as the reader's scheme.
  package static func document(width: Double, height: Double, title: String, body: [String]) -> String {
    let size = (width: number(width), height: number(height))
    let lines =
      [
        #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(size.width) \#(size.height)" width="\#(size.width)" height="\#(size.height)" role="img">"#,
        "<title>\(escaped(title))</title>", PlotStyle.css,
        #"<rect class="paper" width="100%" height="100%"/>"#,
      ] + body + ["</svg>"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Grid lines and ticks of both axes, the horizontal axis and its label.
  /// - Parameters:
  ///   - unit: Text after the numbers of the vertical axis.
  ///   - wholeTicks: True if the horizontal axis counts something, so that fractions have no tick.
  package static func axes(
    _ x: PlotScale, _ y: PlotScale, xLabel: String, unit: String = "", wholeTicks: Bool = true
  ) -> [String] {
    let (left, right) = (x(x.values.lowerBound), x(x.values.upperBound))
    let base = y(y.values.lowerBound)
    var lines: [String] = []
    for tick in y.ticks {
      lines.append(line(left, y(tick), right, y(tick), "grid"))
      lines.append(text(left - 8, y(tick) + 4, number(tick) + unit, "soft end"))
    }
    for tick in x.ticks where !wholeTicks || tick == tick.rounded() {
      lines.append(line(x(tick), base, x(tick), base + 5, "axis"))
      lines.append(text(x(tick), base + 20, number(tick), "soft middle"))
    }
    lines.append(line(left, base, right, base, "axis"))
    lines.append(text((left + right) / 2, base + 42, xLabel, "middle"))
    return lines
  }

  /// A line between two points.
  package static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String
  {
    #"<line class="\#(style)" x1="\#(coordinate(x1))" y1="\#(coordinate(y1))" x2="\#(coordinate(x2))" y2="\#(coordinate(y2))"/>"#
  }

  /// A line through points.
  package static func polyline(_ points: [(x: Double, y: Double)], _ style: String) -> String {
    let path = points.map { "\(coordinate($0.x)),\(coordinate($0.y))" }.joined(separator: " ")
    return #"<polyline class="line \#(style)" points="\#(path)"/>"#
  }

  /// A circle around a point.
  package static func circle(_ x: Double, _ y: Double, _ radius: Int, _ style: String) -> String {
    #"<circle class="\#(style)" cx="\#(coordinate(x))" cy="\#(coordinate(y))" r="\#(radius)"/>"#
  }

  /// A marker around a point; all shapes of one radius look equally large.
  package static func marker(
    _ shape: PlotMarker, _ x: Double, _ y: Double, _ radius: Double, _ style: String
  ) -> String {
    if shape == .circle {
      return
        #"<circle class="\#(style)" cx="\#(coordinate(x))" cy="\#(coordinate(y))" r="\#(coordinate(radius))"/>"#
    }
    let corners = shape.corners.map { corner in
      "\(coordinate(x + radius * corner.x)) \(coordinate(y + radius * corner.y))"
    }
    return #"<path class="\#(style)" d="M \#(corners.joined(separator: " L ")) Z"/>"#
  }

  /// Text that begins at a point, or ends or is centered there with the classes `end` and `middle`.
  package static func text(_ x: Double, _ y: Double, _ content: String, _ style: String = "") -> String {
    #"<text class="\#(style)" x="\#(coordinate(x))" y="\#(coordinate(y))">\#(escaped(content))</text>"#
  }

  private static func number(_ value: Double) -> String {
    // Multiples of a step such as 0.1 are not quite those of the decimals.
    String(format: "%.6g", value)
  }

  private static func coordinate(_ value: Double) -> String { String(format: "%.1f", value) }

  /// Text as XML has it; characters that XML forbids become U+FFFD.
  private static func escaped(_ text: String) -> String {
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

/// Shape of the points of a line.
package enum PlotMarker: Int, CaseIterable, Sendable {
  case circle, square, triangle, diamond, tip, hexagon

  /// The shape of the line with this number; shapes repeat.
  package init(number: Int) { self = Self.allCases[number % Self.allCases.count] }

  /// Corners around the origin, as parts of the radius.
  fileprivate var corners: [(x: Double, y: Double)] {
    switch self {
    case .circle: []
    case .square: [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
    case .triangle: [(0, -1.3), (1.2, 0.8), (-1.2, 0.8)]
    case .diamond: [(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)]
    case .tip: [(0, 1.3), (-1.2, -0.8), (1.2, -0.8)]
    case .hexagon: [(-1.15, 0), (-0.6, -1.05), (0.6, -1.05), (1.15, 0), (0.6, 1.05), (-0.6, 1.05)]
    }
  }
}
