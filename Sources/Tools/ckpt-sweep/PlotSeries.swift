import Evaluation
import ResolutionSweep
import Statistics

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
