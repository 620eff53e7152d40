import Averaging
import Checkpoint
import CommandSupport
import TensorMath

/// A series that is open, and how averages of it are written.
struct Job {
  let series: Series
  let timeline: Timeline
  let tensors: TensorOptions
  let options: AveragingPlan.Options
  let writing: WriteOptions
  let pool: ThreadPool
  let console: Console

  /// The plan of an average of the whole series or of its last checkpoints.
  func plan(_ variant: Variant) throws -> AveragingPlan {
    let window = try variant.window.map { window in
      guard window <= timeline.count else {
        throw Failure(.usage, "--last \(window): there are only \(timeline.count) checkpoints")
      }
      return timeline.suffix(window)
    }
    let part = window ?? timeline
    let before = timeline.count - part.count
    return try AveragingPlan(
      series, try variant.method.combination(of: part).shifted(by: before),
      companions: try variant.method.companions(of: part).map { $0.shifted(by: before) }, options: options)
  }

  /// Writes averages in one read of the series.
  ///
  /// The header stands before the data: digests are either patched into it or, when they were asked for and the
  /// output cannot seek, computed beforehand.
  ///
  /// - Parameter isCandidate: Whether the output is only tried, so that there is nothing to tell about it.
  func write(
    _ outputs: [(variant: Variant, destination: OutputDestination)], digest: DigestKind?,
    isCandidate: Bool = false
  ) throws {
    var pending: [(history: History, merged: Metadata, writer: CheckpointWriter)] = []
    let wanted = digest != DigestKind.none
    for (variant, destination) in outputs {
      let plan = try plan(variant)
      let merged = MergedMetadata(plan)
      if !isCandidate { tell(plan, merged) }
      let history = History(plan: plan, variant: variant, tensors: tensors)
      let specs = plan.entries.map(\.output)
      let placeholders = wanted ? history.placeholders : nil
      var writer = try CheckpointWriter(
        to: destination, tensors: specs,
        metadata: history.recorded(in: merged.metadata, digests: placeholders), options: writing)
      if wanted && !writer.canPatchHeader {
        let known = digest == .crc32 ? try series.members.map { try $0.digest() } : nil
        writer.abort()
        writer = try CheckpointWriter(
          to: destination, tensors: specs, metadata: history.recorded(in: merged.metadata, digests: known),
          options: writing)
      }
      pending.append((history, merged.metadata, writer))
    }

    let patches = wanted && pending.contains { $0.writer.canPatchHeader }
    let plans = pending.map(\.history.plan)
    let total = plans.map(\.bytesToRead).max()!
    let progress = console.progress("averaging", total: total >> 20, unit: "MiB")
    var bytes = 0
    let digests = try AveragingPass(plans).run(into: pending.map(\.writer), digests: patches, pool: pool) {
      count in
      progress.advance(by: (bytes + count) >> 20 - bytes >> 20)
      bytes += count
    }
    progress.finish()
    for (history, merged, writer) in pending {
      try writer.finish(
        metadata: writer.canPatchHeader ? digests.map { history.recorded(in: merged, digests: $0) } : nil)
    }
  }

  private func tell(_ plan: AveragingPlan, _ merged: MergedMetadata) {
    let summary = Summary(plan, timeline, threads: pool.threadCount)
    for line in summary.lines { console.detail(line) }
    if let warning = summary.warning { console.warning(warning) }
    if !merged.dropped.isEmpty {
      console.notice("the inputs do not agree on \(merged.dropped.joined(separator: ", ")): left out")
    }
  }
}
