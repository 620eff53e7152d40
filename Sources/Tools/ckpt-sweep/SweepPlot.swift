import Charts
import Evaluation
import Platform
import ResolutionSweep
import Statistics

/// Top-1 accuracy against size as a self-contained SVG picture that follows the reader's light or dark scheme.
///
/// One line per crop, interpolation and checkpoint. Whiskers are 95 % intervals of each accuracy by itself (Wilson, with
/// continuity correction); what can be told apart on the same images is finer than they suggest and is shown by the
/// dots: filled ones cannot be told from the best.
public struct SweepPlot {
  private let report: SweepReport
  private let axis: PlotAxis
  private let series: [PlotSeries]
  private let x: PlotScale
  private let y: PlotScale

  let width: Double
  let height: Double
  private static let left = 62.0
  private static let plotWidth = 560.0
  private static let top = 100.0
  private static let bottom = 56.0
  private static let labelHeight = 15.0
  private static let longestLabel = 48

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
    // Names stand to the right of the lines, so that they need room there, and a line of text each.
    let longest = series.map { Self.shortened($0.label).count }.max() ?? 0
    width = Self.left + Self.plotWidth + (longest == 0 ? 24 : 24 + 7.5 * Double(longest))
    height = max(456, Self.top + Self.bottom + Self.labelHeight * Double(series.count + 1))
    let marked = axis == .crop ? series.compactMap(\.trainSize) : []
    let sizes = (points.map(\.size) + marked).map(Double.init)
    let pad = max(1, (sizes.max()! - sizes.min()!) * 0.03)
    x = PlotScale(
      sizes.min()! - pad...sizes.max()! + pad, from: Self.left, to: Self.left + Self.plotWidth, tickCount: 8,
      isRounded: false)
    y = PlotScale(
      100 * points.map(\.interval.lowerBound).min()!...100 * points.map(\.interval.upperBound).max()!,
      from: height - Self.bottom, to: Self.top, tickCount: 7, isRounded: true)
  }

  /// The picture.
  public var svg: String {
    var lines = [
      SVG.text(Self.left, 28, title, "title"), SVG.text(Self.left, 47, subtitle, "soft"),
      SVG.text(Self.left, 63, "bars: 95 % interval; filled: indistinguishable from the best", "soft"),
    ]
    lines += SVG.axes(x, y, xLabel: axis.rawValue, unit: " %") + trainMarks
    for (index, one) in series.enumerated() { lines += draw(one, color: index) }
    lines += labels + chosenMark
    return SVG.document(width: width, height: height, title: title, body: lines)
  }

  private var title: String { "Top-1 accuracy over inference size" }

  private var subtitle: String {
    let counts = report.rows.map(\.top1.count)
    var parts = ["\(lastComponents(report.dataset, count: 2)), \(counts.max() ?? 0) images"]
    if Set(counts).count > 1 { parts.append("fewer where a race dropped the setting") }
    // Over the resize the training size has no place on the axis.
    let trained = Set(series.compactMap(\.trainSize)).sorted()
    if axis == .resize && !trained.isEmpty {
      parts.append("trained at " + trained.map(String.init).joined(separator: ", "))
    }
    return parts.joined(separator: "; ")
  }

  /// Lines of one training size share a mark; the color is the line's own when the sizes differ.
  private var trainMarks: [String] {
    guard axis == .crop else { return [] }
    let sizes = Set(series.compactMap(\.trainSize)).sorted()
    return sizes.flatMap { size -> [String] in
      let owner = series.firstIndex { $0.trainSize == size }!
      let color = sizes.count > 1 ? "s\(owner % PlotStyle.colorCount)" : "plain"
      let at = x(Double(size))
      return [
        SVG.line(at, Self.top, at, height - Self.bottom, "train \(color)"),
        SVG.text(at + 4, height - Self.bottom - 6, "trained at \(size)", "soft"),
      ]
    }
  }

  private func draw(_ one: PlotSeries, color: Int) -> [String] {
    let style = "s\(color % PlotStyle.colorCount)"
    let stroke = ([style] + PlotStyle.dashes(color / PlotStyle.colorCount)).joined(separator: " ")
    let places = one.points.map { (x: x(Double($0.size)), y: y(100 * $0.accuracy)) }
    var lines = [SVG.polyline(places, stroke)]
    for (point, place) in zip(one.points, places) {
      let (low, high) = (y(100 * point.interval.lowerBound), y(100 * point.interval.upperBound))
      lines.append(SVG.line(place.0, low, place.0, high, "bar \(style)"))
      let fill = report.rows[point.row].isIndistinguishable ? "full" : "hollow"
      lines.append(SVG.circle(place.0, place.1, 4, "dot \(fill) \(style)"))
    }
    return lines
  }

  /// The lines' names at their right ends, pushed apart where they would overlap.
  private var labels: [String] {
    var ends = series.indices.filter { !series[$0].label.isEmpty }
      .map { (index: $0, y: y(100 * series[$0].points.last!.accuracy) + 4) }
      .sorted { $0.y < $1.y }
    var free = -Double.infinity
    for place in ends.indices {
      ends[place].y = max(ends[place].y, free)
      free = ends[place].y + Self.labelHeight
    }
    // And back up where that ran into the axis.
    free = height - Self.bottom
    for place in ends.indices.reversed() {
      ends[place].y = min(ends[place].y, free)
      free = ends[place].y - Self.labelHeight
    }
    return ends.map { end in
      let style = "s\(end.index % PlotStyle.colorCount)"
      return SVG.text(
        Self.left + Self.plotWidth + 10, end.y, Self.shortened(series[end.index].label), "name \(style)")
    }
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
        let isLeft = place.0 > Self.left + Self.plotWidth / 2
        return [
          SVG.circle(place.0, place.1, 9, "ring"),
          SVG.line(place.0, place.1 - 9, place.0, Self.top - 4, "leader"),
          SVG.text(place.0 + (isLeft ? 4 : -4), Self.top - 8, label, "chosen" + (isLeft ? " end" : "")),
        ]
      }
    }
    return []
  }

  private static func shortened(_ label: String) -> String {
    label.count <= longestLabel ? label : "…" + label.suffix(longestLabel - 1)
  }
}

/// The points that one line of the plot joins.
struct PlotSeries {
  /// Label that distinguishes this line from the others; empty when there is one line only.
  var label: String
  var points: [Point]
  /// Size of the training images, if the checkpoint records it.
  var trainSize: Int?

  struct Point {
    var size: Int
    var row: Int
    var accuracy: Double
    var interval: ClosedRange<Double>
  }
}

/// Quantity of the horizontal axis.
enum PlotAxis: String {
  /// Several resizes of each crop: one line per crop.
  case resize = "shorter side after resizing, pixels"
  /// One resize for each crop, so that the crop identifies the setting.
  case crop = "crop, pixels"

  init(_ rows: [SweepRow]) {
    var resizes: [[String]: Set<Int>] = [:]
    for row in rows {
      let one = row.setting.preprocessing
      resizes[PlotSeries.key(row) + ["\(one.crop)"], default: []].insert(one.resize)
    }
    self = resizes.values.contains { $0.count > 1 } ? .resize : .crop
  }
}

extension PlotSeries {
  /// Key that the rows of one line share, sizes aside.
  static func key(_ row: SweepRow) -> [String] {
    let preprocessing = row.setting.preprocessing
    return [
      row.checkpoint ?? "", preprocessing.interpolation.rawValue, preprocessing.mode.rawValue,
      row.setting.views == .center ? "one crop" : row.setting.views.rawValue,
      row.setting.pooling == .average ? "average pooling" : "test-time pooling",
      "\(row.setting.batchNorm.rawValue) BatchNorm",
    ]
  }

  /// Groups the rows into lines, in the order in which they first appear.
  static func all(_ rows: [SweepRow], axis: PlotAxis, trainSizes: [Int?]) -> [PlotSeries] {
    var keys: [[String]] = []
    var series: [PlotSeries] = []
    for (index, row) in rows.enumerated() {
      let preprocessing = row.setting.preprocessing
      let key = Self.key(row) + (axis == .resize ? ["crop \(preprocessing.crop)"] : [])
      let point = Point(
        size: axis == .resize ? preprocessing.resize : preprocessing.crop, row: index,
        accuracy: row.top1.value, interval: row.top1.wilsonInterval())
      if let known = keys.firstIndex(of: key) {
        series[known].points.append(point)
      } else {
        keys.append(key)
        let sizes = Set(row.setting.networks.map { trainSizes[$0] })
        series.append(
          PlotSeries(label: "", points: [point], trainSize: sizes.count == 1 ? sizes.first! : nil))
      }
    }
    for index in series.indices {
      series[index].points.sort { $0.size < $1.size }
      // Only the parts that differ from line to line are worth naming.
      let parts = keys[index].indices.filter { part in Set(keys.map { $0[part] }).count > 1 }
      series[index].label = parts.map { keys[index][$0] }.joined(separator: ", ")
    }
    return series
  }
}
