import Charts
import Evaluation
import Platform
import ResolutionSweep
import Statistics

/// Top-1 accuracy against size, and below it against cost, as a self-contained SVG picture that follows the reader's
/// light or dark scheme.
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
  private let costs: CostPanel?

  let width: Double
  /// Height of the upper part, which has the sizes.
  let sizeHeight: Double
  let height: Double
  private static let left = 62.0
  private static let plotWidth = 560.0
  private static let top = 100.0
  private static let bottom = 56.0
  private static let labelHeight = 15.0
  private static let sampleLength = 34.0
  /// Pixels of a character.
  private static let letter = 7.5
  private static let boldLetter = 7.8

  /// - Parameters:
  ///   - report: the rows to draw.
  ///   - trainSizes: for each network of the sweep the size of its training images, if known.
  public init(_ report: SweepReport, trainSizes: [Int?] = []) {
    let networks = 1 + (report.rows.flatMap(\.setting.networks).max() ?? 0)
    let known = trainSizes + Array(repeating: nil, count: max(0, networks - trainSizes.count))
    self.report = report
    axis = PlotAxis(report.rows)
    var series = PlotSeries.all(report.rows, axis: axis, trainSizes: known)
    let points = series.flatMap(\.points)
    // Names stand to the right of the lines, so that they need room there, and a line of text each.
    let longest = series.map(\.label.count).max() ?? 0
    width =
      Self.left + Self.plotWidth + 24
      + (longest == 0 ? 0 : Self.sampleLength + Self.letter * Double(longest))
    sizeHeight = max(456, Self.top + Self.bottom + Self.labelHeight * Double(series.count + 1))
    let marked = axis == .crop ? series.compactMap(\.trainSize) : []
    let sizes = (points.map(\.size) + marked).map(Double.init)
    let pad = max(1, (sizes.max()! - sizes.min()!) * 0.03)
    let span = sizes.min()! - pad...sizes.max()! + pad
    x = PlotScale(
      span, from: Self.left, to: Self.left + Self.plotWidth, tickCount: 8, isRounded: false)
    y = PlotScale(
      100 * points.map(\.interval.lowerBound).min()!...100 * points.map(\.interval.upperBound).max()!,
      from: sizeHeight - Self.bottom, to: Self.top, tickCount: 7, isRounded: true)
    PlotSeries.separate(
      &series, pixelsPerSize: Self.plotWidth / (span.upperBound - span.lowerBound))
    self.series = series
    costs = CostPanel(
      report, looks: PlotLook.all(report.rows, marksCrops: axis == .resize), left: Self.left,
      top: sizeHeight, width: Self.plotWidth)
    height = sizeHeight + (costs == nil ? 0 : CostPanel.height)
  }

  /// The picture.
  public var svg: String {
    var lines = [
      SVG.text(Self.left, 28, title, "title"), SVG.text(Self.left, 47, subtitle, "soft"),
      SVG.text(Self.left, 63, "bars: 95 % interval; filled: indistinguishable from the best", "soft"),
    ]
    lines += SVG.axes(x, y, xLabel: axis.rawValue, unit: " %") + trainMarks
    for one in series { lines += draw(one) }
    lines += labels + chosenMark + (costs?.elements ?? [])
    return SVG.document(width: width, height: height, title: title, body: lines)
  }

  /// The picture with its size.
  var picture: Picture { Picture(svg: svg, width: width, height: height) }

  private var title: String { "Top-1 accuracy over inference size" }

  private var subtitle: String {
    let counts = report.rows.map(\.top1.count)
    var parts = ["\(displayName(lastComponents(report.dataset, count: 2))), \(counts.max() ?? 0) images"]
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
      let owner = series.first { $0.trainSize == size }!
      let color = sizes.count > 1 ? owner.look.tint : "plain"
      let at = x(Double(size))
      return [
        SVG.line(at, Self.top, at, sizeHeight - Self.bottom, "train \(color)"),
        SVG.text(at + 4, sizeHeight - Self.bottom - 6, "trained at \(size)", "soft"),
      ]
    }
  }

  private func place(_ point: PlotSeries.Point, of one: PlotSeries) -> (x: Double, y: Double) {
    (x(Double(point.size)) + one.offset, y(100 * point.accuracy))
  }

  private func draw(_ one: PlotSeries) -> [String] {
    let places = one.points.map { place($0, of: one) }
    var lines = [SVG.polyline(places, one.look.line)]
    for (point, place) in zip(one.points, places) {
      let (low, high) = (y(100 * point.interval.lowerBound), y(100 * point.interval.upperBound))
      lines.append(SVG.line(place.x, low, place.x, high, "bar \(one.look.tint)"))
      let fill = report.rows[point.row].isIndistinguishable ? "full" : "hollow"
      lines.append(SVG.marker(one.look.marker, place.x, place.y, 4, "dot \(fill) \(one.look.tint)"))
    }
    return lines
  }

  /// The lines' names at their right ends with a sample of each, pushed apart where they would overlap.
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
    free = sizeHeight - Self.bottom
    for place in ends.indices.reversed() {
      ends[place].y = min(ends[place].y, free)
      free = ends[place].y - Self.labelHeight
    }
    return ends.flatMap { end -> [String] in
      let one = series[end.index]
      let (start, middle) = (Self.left + Self.plotWidth + 10, end.y - 4)
      return [
        SVG.line(start, middle, start + Self.sampleLength - 4, middle, "line \(one.look.line)"),
        SVG.marker(
          one.look.marker, start + Self.sampleLength / 2 - 2, middle, 4, "key hollow \(one.look.tint)"),
        SVG.text(start + Self.sampleLength, end.y, one.label, "name \(one.look.tint)"),
      ]
    }
  }

  private var chosenMark: [String] {
    for one in series {
      for point in one.points where point.row == report.verdict.chosen {
        let place = place(point, of: one)
        let accuracy = String(format: "%.1f %%", 100 * point.accuracy)
        let label = "chosen: \(description(of: point.row)), \(accuracy)"
        // Above all lines, from the leader on or as far to its left as the text needs.
        let start = max(8, min(place.x - 4, width - 8 - Self.boldLetter * Double(label.count)))
        return [
          SVG.circle(place.x, place.y, 9, "ring"),
          SVG.line(place.x, place.y - 9, place.x, Self.top - 4, "leader"),
          SVG.text(start, Self.top - 8, label, "chosen"),
        ]
      }
    }
    return []
  }

  /// Model, filter and sizes of a row.
  private func description(of row: Int) -> String {
    let one = report.rows[row]
    let preprocessing = one.setting.preprocessing
    let model = one.checkpoint ?? report.checkpoints.first
    let parts = [
      preprocessing.interpolation.rawValue, "resize \(preprocessing.resize)", "crop \(preprocessing.crop)",
    ]
    return ([model.map(displayName)].compactMap { $0 } + parts + one.setting.peculiarities).joined(
      separator: ", ")
  }
}
