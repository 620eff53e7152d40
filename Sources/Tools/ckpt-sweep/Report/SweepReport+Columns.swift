import Checkpoint
import Evaluation
import Platform
import ResolutionSweep
import Statistics

/// One column of table and TSV and one member of a JSON row: the same value, written three ways.
struct SweepColumn {
  var key: String
  var heading: String
  var isLeftAligned = false
  var json: (SweepRow) -> JSON
  /// As people read it: percentages, rounded.
  var text: (SweepRow) -> String
}

extension SweepReport {
  /// The columns in use.
  ///
  /// - Parameter timing: whether to include what differs from run to run.
  func columns(timing: Bool) -> [SweepColumn] {
    var columns: [SweepColumn] = []
    if rows.contains(where: { $0.checkpoint != nil }) {
      columns.append(.name("checkpoint", "checkpoint") { $0.checkpoint ?? "" })
    }
    columns += [
      .integer("resize") { $0.setting.preprocessing.resize },
      .integer("crop") { $0.setting.preprocessing.crop },
      .name("interpolation", "interpolation") { $0.setting.preprocessing.interpolation.rawValue },
    ]
    if rows.contains(where: { $0.setting.preprocessing.mode != .shorterSide }) {
      columns.append(.name("resize_mode", "resized") { $0.setting.preprocessing.mode.rawValue })
    }
    if rows.contains(where: { $0.setting.views != .center }) {
      columns.append(.name("views", "views") { $0.setting.views.rawValue })
    }
    if rows.contains(where: { $0.setting.pooling != .average }) {
      columns.append(.name("pooling", "pooling") { $0.setting.pooling.name })
    }
    if rows.contains(where: { $0.setting.batchNorm != .stored }) {
      columns.append(.name("batchnorm", "BatchNorm") { $0.setting.batchNorm.rawValue })
    }
    columns += [
      .integer("n") { $0.top1.count },
      .real("top1", "top-1 %", "%.2f", scale: 100) { $0.top1.value },
      .real("top5", "top-5 %", "%.2f", scale: 100) { $0.top5.value },
      .real("loss", "loss", "%.4f") { $0.loss },
      .real("calibration_error", "ECE %", "%.2f", scale: 100) { $0.calibrationError },
      SweepColumn(
        key: "multiply_adds", heading: "M mult-adds", json: { JSON($0.multiplyAdds) },
        text: { String(format: "%.1f", Double($0.multiplyAdds) / 1e6) }),
    ]
    if timing { columns.append(.real("images_per_second", "images/s", "%.1f") { $0.imagesPerSecond }) }
    return columns
  }
}

extension SweepColumn {
  fileprivate static func integer(_ key: String, _ value: @escaping (SweepRow) -> Int) -> SweepColumn {
    SweepColumn(key: key, heading: key, json: { JSON(value($0)) }, text: { "\(value($0))" })
  }

  fileprivate static func name(
    _ key: String, _ heading: String, _ value: @escaping (SweepRow) -> String
  ) -> SweepColumn {
    SweepColumn(
      key: key, heading: heading, isLeftAligned: true, json: { .string(value($0)) },
      text: { TensorName(value($0)).escaped })
  }

  fileprivate static func real(
    _ key: String, _ heading: String, _ format: String, scale: Double = 1,
    _ value: @escaping (SweepRow) -> Double
  ) -> SweepColumn {
    SweepColumn(
      key: key, heading: heading, json: { JSON(value($0)) },
      text: { String(format: format, scale * value($0)) })
  }
}
