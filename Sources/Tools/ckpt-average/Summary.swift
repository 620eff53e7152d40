import Averaging
import Platform

/// What `--dry-run` and `--verbose` tell: files in order, weights, sizes.
struct Summary {
  let plan: AveragingPlan
  let timeline: Timeline
  let threads: Int

  init(_ plan: AveragingPlan, _ timeline: Timeline, threads: Int) {
    self.plan = plan
    self.timeline = timeline
    self.threads = threads
  }

  var lines: [String] {
    var lines = plan.series.members.indices.map { index in
      let weight = weights.map { Self.column($0[index]) + "  " } ?? ""
      let step = timeline.steps.map { "step \(Self.plain($0[index]))  " } ?? ""
      return weight + step + plan.series.members[index].label
    }
    if let size = effectiveSampleSize {
      lines.append(
        "effective sample size \(String(format: "%.2f", size)) of \(timeline.count) checkpoints")
    }
    if let amplification {
      lines.append("magnitudes of the weights add up to \(String(format: "%.2f", amplification))")
    }
    let pass = AveragingPass([plan])
    lines.append(
      "\(plan.entries.count) tensors: \(Self.size(plan.bytesToRead)) to read, \(Self.size(plan.bytesToWrite)) to write, \(Self.size(pass.scratchBytes(threads: threads))) of buffers"
    )
    return lines
  }

  var text: String { lines.joined(separator: "\n") + "\n" }

  /// Few checkpoints in effect though many were given: usually a decay that was meant for single steps.
  var warning: String? {
    guard let weights, let size = effectiveSampleSize, weights.count > 2, size < 2,
      let heaviest = weights.indices.max(by: { abs(weights[$0]) < abs(weights[$1]) })
    else { return nil }
    return
      "\(plan.series.members[heaviest].label) has \(String(format: "%.1f", 100 * weights[heaviest])) % of the weight; effective sample size \(String(format: "%.2f", size)) of \(weights.count)"
  }

  private var linear: LinearCombination? {
    if case .linear(let linear) = plan.combination { linear } else { nil }
  }

  private var weights: [Double]? { linear?.weights }
  private var effectiveSampleSize: Double? { linear?.effectiveSampleSize }

  /// Σ|w| of normalised weights some of which are negative: how much errors of the checkpoints can grow.
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
