import Averaging
import Checkpoint
import Command
import Platform
import SeriesCommand

/// Summary printed by `--dry-run` and `--verbose`: files in order, weights, sizes.
struct Summary {
  let plan: AveragingPlan
  let timeline: Timeline
  /// Weights of all checkpoints; nil for methods that have none, or others for each tensor.
  let weights: [Double]?
  /// True if weights are shares of an average, not those of differences from a pretrained model.
  private let areShares: Bool
  private let areGiven: Bool
  let threads: Int

  init(_ plan: AveragingPlan, _ timeline: Timeline, _ variant: Variant, threads: Int) {
    self.plan = plan
    self.timeline = timeline
    self.threads = threads
    weights = Self.weights(plan, variant)
    areShares = !variant.method.beginsWithPretrained
    areGiven = Self.areGiven(variant)
  }

  /// The weights of all checkpoints, where they are the same for all tensors.
  static func weights(_ plan: AveragingPlan, _ variant: Variant) -> [Double]? {
    guard case .linear(let linear) = plan.combination, !(variant.method is any TensorwiseMethod) else {
      return nil
    }
    return linear.weights
  }

  var lines: [String] {
    var lines = plan.series.members.indices.map { index in
      let weight = weights.map { Self.column($0[index]) + "  " } ?? ""
      let step = timeline.steps.map { "step \(Self.plain($0[index]))  " } ?? ""
      return weight + step + escaped(plan.series.members[index].label)
    }
    if areShares, let size = effectiveSampleSize {
      lines.append(
        "effective sample size \(String(format: "%.2f", size)) of \(counted(timeline.count, "checkpoint"))")
    }
    if let amplification {
      lines.append("magnitudes of the weights add up to \(String(format: "%.2f", amplification))")
    }
    let pass = AveragingPass([plan])
    lines.append(
      "\(counted(plan.entries.count, "tensor")): \(Self.size(plan.bytesToRead)) to read, \(Self.size(plan.bytesToWrite)) to write, \(Self.size(pass.scratchBytes(threads: threads))) of buffers"
    )
    return lines
  }

  var text: String { lines.joined(separator: "\n") + "\n" }

  /// One line about what is averaged.
  var headline: String {
    Self.headline(
      areShares ? plan.combination.contributors : Array(plan.series.members.indices),
      of: plan.series.members.map { escaped($0.name) }, weights: areShares ? weights : nil)
  }

  /// - Parameter weights: Those of all checkpoints; nil for methods without.
  static func headline(_ contributors: [Int], of names: [String], weights: [Double]?) -> String {
    guard let first = contributors.first, let newest = contributors.last, first != newest else {
      let name = contributors.first.map { names[$0] } ?? "none"
      return names.count == 1 ? "1 checkpoint: \(name)" : "1 of \(names.count) checkpoints: \(name)"
    }
    let count =
      contributors.count == names.count
      ? "\(names.count) checkpoints" : "\(contributors.count) of \(names.count) checkpoints"
    let range = "\(count), \(names[first]) to \(names[newest])"
    guard let weights else { return range }
    let effective = LinearCombination(weights: weights).effectiveSampleSize
    return
      "\(range): weight of the first \(percent(weights[first])), of the newest \(percent(weights[newest])), effective number of checkpoints \(String(format: "%.1f", effective))"
  }

  /// An average that hardly moves from the first checkpoint, or hardly looks back from the newest: usually a decay that
  /// was meant for single steps.
  var warning: String? {
    guard areShares, !areGiven else { return nil }
    return weights.flatMap {
      Self.warning(plan.combination.contributors, of: plan.series.members.map(\.label), weights: $0)
    }
  }

  /// True if the weights are those that were asked for, so that there is nothing to warn of.
  static func areGiven(_ variant: Variant) -> Bool {
    variant.method is Mean || variant.method is WeightedSum
  }

  static func warning(_ contributors: [Int], of labels: [String], weights: [Double]) -> String? {
    guard contributors.count > 2, let first = contributors.first, let newest = contributors.last,
      let heaviest = contributors.max(by: { abs(weights[$0]) < abs(weights[$1]) })
    else { return nil }
    let effective = LinearCombination(weights: weights).effectiveSampleSize
    let share = "\(escaped(labels[heaviest])) has \(percent(weights[heaviest])) of the weight"
    if heaviest == first && weights[first] > 0.5 {
      return
        "the average hardly moves: \(share), and it is the first of \(contributors.count); a smaller decay or a debiased average would follow the others"
    }
    if heaviest == newest && weights[newest] > 0.9 {
      return "the average hardly looks back: \(share), and it is the newest of \(contributors.count)"
    }
    guard effective < 2 else { return nil }
    return
      "\(share); effective number of checkpoints \(String(format: "%.2f", effective)) of \(contributors.count)"
  }

  private static func percent(_ share: Double) -> String { String(format: "%.1f", 100 * share) + " %" }

  private var effectiveSampleSize: Double? {
    weights.map { LinearCombination(weights: $0).effectiveSampleSize }
  }

  /// Σ|w| of normalized weights some of which are negative: how much errors of the checkpoints can grow.
  private var amplification: Double? {
    guard let weights, weights.contains(where: { $0 < 0 }) else { return nil }
    return weights.reduce(0) { $0 + abs($1) }
  }

  private static func plain(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

  static func column(_ weight: Double) -> String {
    let text = String(format: "%.6f", weight)
    return String(repeating: " ", count: max(0, 9 - text.count)) + text
  }

  static func size(_ bytes: Int) -> String {
    bytes < 10_000 ? "\(bytes) bytes" : bytes < 10_000_000 ? "\(bytes / 1000) kB" : "\(bytes / 1_000_000) MB"
  }
}

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
    try writeReport(try json(drift), to: path)
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
