import Averaging
import Checkpoint
import Command
import Platform

/// `--report`: weights, and how far the checkpoints are from each other.
struct SeriesReport {
  let job: Job
  let variants: [Variant]
  let digests: [String]?
  let digest: DigestKind

  /// Reads the series once more and writes the report; warns of checkpoints that are far from the rest.
  func write(to path: String) throws {
    let meter = job.console.byteMeter(
      "comparing", total: job.series.members.reduce(0) { $0 + $1.byteCount })
    let drift = try DriftReport(job.series, pool: job.pool, progress: meter.add)
    meter.finish()
    for outlier in drift.model.outliers {
      job.console.warning(
        "\(escaped(job.series.members[outlier.checkpoint].label)) is far from the rest: \(String(format: "%.1f", outlier.ratio)) times the median distance"
      )
    }
    try writeFile((json(drift).encoded() + "\n").utf8, to: path)
  }

  private func json(_ drift: DriftReport) throws -> JSON {
    let inputs = job.series.members.enumerated().map { index, member in
      var entry: [(String, JSON)] = [("name", .string(member.name)), ("size", JSON(member.byteCount))]
      if let digests { entry.append((digest.rawValue, .string(digests[index]))) }
      if let steps = job.timeline.steps { entry.append(("step", JSON(steps[index]))) }
      return JSON.object(entry)
    }
    let averages = try variants.map { variant in
      let plan = try job.plan(variant)
      var entry: [(String, JSON)] = [("options", .object(History.settings(variant, job.settings)))]
      if let window = variant.window { entry.append(("last", JSON(window))) }
      if let weights = Summary.weights(plan, variant) {
        entry.append(("weights", .array(weights.map { JSON($0) })))
        let linear = LinearCombination(weights: weights)
        entry.append(("effective_sample_size", JSON(linear.effectiveSampleSize)))
      }
      return JSON.object(entry)
    }
    let rows = zip(drift.tensors, drift.rows).map { tensor, row in
      JSON.object(
        [
          ("name", .string(tensor.name.string)), ("dtype", .string(tensor.dtype.name)),
          ("shape", .array(tensor.shape.map { JSON($0) })),
        ] + Self.members(row))
    }
    return .object([
      ("schema", JSON(1)), ("tool", .string("ckpt-average")), ("version", .string(toolsVersion)),
      ("inputs", .array(inputs)), ("averages", .array(averages)),
      ("model", .object(Self.members(drift.model))), ("rows", .array(rows)),
    ])
  }

  private static func members(_ row: DriftReport.Row) -> [(String, JSON)] {
    func list(_ values: [Double]) -> JSON { .array(values.map { JSON($0) }) }
    return [
      ("norm", list(row.norms)), ("drift", list(row.drift)), ("distance", list(row.distances)),
      (
        "outliers",
        .array(
          row.outliers.map {
            let ratio = $0.ratio.isFinite ? [("ratio", JSON($0.ratio))] : []
            return .object([("input", JSON($0.checkpoint))] + ratio)
          })
      ),
    ]
  }
}
