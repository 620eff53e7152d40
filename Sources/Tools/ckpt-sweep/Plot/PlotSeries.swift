import Charts
import Evaluation
import ResolutionSweep
import Statistics

/// The points that one line of the plot joins.
struct PlotSeries {
  /// Label that distinguishes this line from the others; empty when there is one line only.
  var label: String
  var look: PlotLook
  var points: [Point]
  /// Size of the training images, if the checkpoint records it.
  var trainSize: Int?
  /// Shift to the right in pixels, which keeps lines and bars at one place apart.
  var offset = 0.0

  struct Point {
    var size: Int
    var row: Int
    var accuracy: Double
    var interval: ClosedRange<Double>
  }
}

/// Appearance of a setting: the color is the model's, the dashes are the filter's, the marker is the crop's.
///
/// Other properties that differ, such as the views, count as filters of their own.
struct PlotLook: Equatable {
  var color: Int
  var dashes: Int
  var crop: Int

  /// Classes of color and dashes.
  var line: String { PlotStyle.line(color: color, dashes: dashes) }
  /// Class of the color alone.
  var tint: String { PlotStyle.line(color: color, dashes: 0) }
  var marker: PlotMarker { PlotMarker(number: crop) }

  /// The looks of all rows: colors and dashes in the order in which they come up, markers by ascending crop.
  ///
  /// - Parameter marksCrops: false where the crop has an axis, so that all markers are alike.
  static func all(_ rows: [SweepRow], marksCrops: Bool) -> [PlotLook] {
    var models: [String] = []
    var filters: [[String]] = []
    let crops = Set(rows.map(\.setting.preprocessing.crop)).sorted()
    return rows.map { row in
      PlotLook(
        color: models.place(of: row.checkpoint ?? ""),
        dashes: filters.place(of: Array(PlotSeries.key(row).dropFirst())),
        crop: marksCrops ? crops.firstIndex(of: row.setting.preprocessing.crop)! : 0)
    }
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
  /// Key that the rows of one line share, sizes aside; the first part is the model.
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
    let looks = PlotLook.all(rows, marksCrops: axis == .resize)
    var keys: [[String]] = []
    var series: [PlotSeries] = []
    for (index, row) in rows.enumerated() {
      let preprocessing = row.setting.preprocessing
      let key = Self.key(row) + (axis == .resize ? ["crop \(preprocessing.crop)"] : [])
      let point = Point(
        size: axis == .resize ? preprocessing.resize : preprocessing.crop, row: index,
        accuracy: row.top1.value, interval: row.top1.wilsonInterval())
      let place = keys.place(of: key)
      if place < series.count {
        series[place].points.append(point)
      } else {
        let sizes = Set(row.setting.networks.map { trainSizes[$0] })
        series.append(
          PlotSeries(
            label: "", look: looks[index], points: [point],
            trainSize: sizes.count == 1 ? sizes.first! : nil))
      }
    }
    for index in series.indices {
      series[index].points.sort { $0.size < $1.size }
      // Only the parts that differ from line to line are worth naming.
      let parts = keys[index].indices.filter { part in Set(keys.map { $0[part] }).count > 1 }
      series[index].label = parts.map { $0 == 0 ? displayName(keys[index][0]) : keys[index][$0] }
        .joined(separator: ", ")
    }
    return series
  }

  /// Most pixels between neighbors at one place, and between the outermost.
  private static let widestStep = 5.0
  private static let widestSpread = 24.0

  /// Moves lines that meet at a size apart, by no more than their points are from those of the next size.
  ///
  /// - Parameter pixelsPerSize: length of one pixel of the horizontal axis.
  static func separate(_ series: inout [PlotSeries], pixelsPerSize: Double) {
    let sizes = series.flatMap { $0.points.map(\.size) }
    guard series.count > 1, Set(sizes).count < sizes.count else { return }
    let distinct = Set(sizes).sorted()
    let gap = zip(distinct, distinct.dropFirst()).map { $1 - $0 }.min().map { Double($0) * pixelsPerSize }
    let spread = min(widestSpread, 0.5 * (gap ?? .infinity))
    let step = min(widestStep, spread / Double(series.count - 1))
    for index in series.indices {
      series[index].offset = step * (Double(index) - Double(series.count - 1) / 2)
    }
  }
}

extension Array where Element: Equatable {
  /// The place of an element, which is added at the end if it is new.
  fileprivate mutating func place(of element: Element) -> Int {
    if let place = firstIndex(of: element) { return place }
    append(element)
    return count - 1
  }
}
