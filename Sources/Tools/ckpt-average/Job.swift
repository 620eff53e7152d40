import Averaging
import Checkpoint
import Command
import Platform

/// A series that is open, and how averages of it are written.
struct Job {
  let series: Series
  let timeline: Timeline
  /// Options besides the method's that the tensors depend on, for the provenance.
  let settings: [(String, JSON)]
  let options: AveragingPlan.Options
  /// Coefficients of groups of tensors.
  var groups: [TensorGroup] = []
  let writing: WriteOptions
  /// The share of the output's files that this process writes; nil for all.
  var shard: Shard?
  let pool: ThreadPool
  let console: Console
  /// True if a checkpoint may be there twice.
  var allowsDuplicates = false

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

  /// The plan with a combination for each tensor, where the method takes them from the values, and with the coefficients of
  /// groups.
  private func refined(_ plan: AveragingPlan, by method: any AveragingMethod) throws -> AveragingPlan {
    var plan = plan
    if let method = method as? any TensorwiseMethod {
      try series.spoolStreams()
      let meter = console.byteMeter("weighing", total: plan.bytesToRead)
      defer { meter.finish() }
      plan = try plan.refined(by: method, pool: pool, progress: meter.add)
    }
    return try grouped(plan)
  }

  /// The plan with the coefficients of groups.
  func grouped(_ plan: AveragingPlan) throws -> AveragingPlan {
    if groups.isEmpty { return plan }
    let groups = groups
    let (scaled, count) = try plan.scaled(
      by: GroupCoefficients { groups.coefficient(of: $0) }, pretrained: 0)
    guard count > 0 else { throw Failure(.usage, "--group: no averaged tensor has a matching name") }
    console.detail("\(counted(count, "tensor")) with the coefficients of --group")
    return scaled
  }

  private struct Pending {
    let history: (_ digests: [String]?) -> Metadata
    let writer: CheckpointWriter
  }

  /// Writes averages in one read of the series.
  ///
  /// The header stands before the data: a checksum is either patched into it or, when it was asked for and the output
  /// cannot seek, computed beforehand.
  ///
  /// - Parameter isCandidate: True if the output is only tried, so that nothing is reported about it.
  /// - Returns: The digests of the inputs, where they were computed.
  @discardableResult
  func write(
    _ outputs: [(variant: Variant, destination: Location)], digest: DigestKind?,
    isCandidate: Bool = false
  ) throws -> [String]? {
    let kind = digest ?? .crc32
    var known = kind == .sha256 ? try sha256() : nil
    if shard != nil && digest == .crc32 { known = try checksums() }
    var plans = try outputs.map { try refined(try plan($0.variant), by: $0.variant.method) }
    var pending: [Pending] = []
    for ((variant, destination), plan) in zip(outputs, plans) {
      let merged = MergedMetadata(plan)
      if !isCandidate { tell(plan, merged, variant, isOneOfMany: outputs.count > 1) }
      let history = { (digests: [String]?) in
        History(plan, timeline, variant, settings, kind, digests: digests).recorded(in: merged.metadata)
      }
      var writing = writing
      if let shard {
        writing.part = SetPart(shard: shard, identity: identity(of: plan, history(known)))
      }
      let writer = try CheckpointWriter(
        to: destination, tensors: plan.entries.map(\.output), options: writing
      ) { canPatchHeader in
        if kind == .crc32 && canPatchHeader {
          return history(series.members.map { _ in kind.placeholder })
        }
        if digest == .crc32 { known = try known ?? checksums() }
        return history(known)
      }
      pending.append(Pending(history: history, writer: writer))
    }
    if shard != nil {
      plans = try zip(plans, pending).map { try $0.restricted(to: $1.writer.order) }
      console.detail("\(counted(plans[0].entries.count, "tensor")) in the files of this shard")
    }
    let patches = kind == .crc32 && pending.contains { $0.writer.canPatchHeader }
    let digests = try run(AveragingPass(plans), into: pending.map(\.writer), digests: patches) ?? known
    for output in pending {
      try output.writer.finish(
        metadata: patches && output.writer.canPatchHeader ? output.history(digests) : nil)
    }
    return digests
  }

  /// A name for the result that changes with everything that the tensors depend on, as far as it can be told without reading
  /// the data: lengths and times of the files, metadata with the options, and the layout of the output.
  private func identity(of plan: AveragingPlan, _ metadata: Metadata) -> String {
    var lines = metadata.sortedEntries.map { "\($0.key)=\($0.value)" }
    lines += plan.entries.map { "\($0.output.name) \($0.output.layout)" }
    for member in series.members {
      lines += member.source.files.map { ($0 as? InputFile)?.stamp ?? "\($0.length)" }
    }
    lines.append("\(writing.maxShardBytes ?? 0) \(writing.compress) \(toolsVersion)")
    let text = Array(lines.joined(separator: "\n").utf8)
    // Two checksums, of the text and of it reversed, rather than one of 32 bits.
    return text.withUnsafeBytes { hexadecimal(crc32($0)) }
      + Array(text.reversed()).withUnsafeBytes { hexadecimal(crc32($0)) }
  }

  /// Runs a pass with a progress bar and sees to it that no checkpoint is there twice.
  func run(_ pass: AveragingPass, into writers: [CheckpointWriter], digests: Bool) throws -> [String]? {
    for name in try pass.spoolUnlessInLockstep(writers[0].order) {
      console.detail("\(name): copied to a temporary file because its tensors are needed in another order")
    }
    let checksStreams = !allowsDuplicates && series.members.contains { $0.liveStream != nil }
    if !allowsDuplicates { try series.refuseDuplicates() }
    let meter = console.byteMeter("averaging", total: pass.bytesToRead)
    let found = try pass.run(
      into: writers, digests: digests || checksStreams, pool: pool, progress: meter.add)
    meter.finish()
    if checksStreams, let found { try series.refuseDuplicates(digests: found) }
    return digests ? found : nil
  }

  private func checksums() throws -> [String] {
    try series.spoolStreams()
    return try series.members.map { try $0.digest() }
  }

  func sha256() throws -> [String] {
    try series.spoolStreams()
    let total = series.members.reduce(0) { $0 + $1.byteCount }
    let meter = console.byteMeter("SHA-256", total: total)
    defer { meter.finish() }
    return try series.sha256(pool: pool, progress: meter.add)
  }

  private func tell(_ plan: AveragingPlan, _ merged: MergedMetadata, _ variant: Variant, isOneOfMany: Bool) {
    let summary = Summary(plan, timeline, variant, threads: pool.threadCount)
    for line in summary.lines { console.detail(line) }
    let label =
      isOneOfMany ? variant.names.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value): " }.joined() : ""
    console.notice(label + summary.headline)
    if let warning = summary.warning { console.warning(warning) }
    if !merged.dropped.isEmpty {
      console.notice(
        "the checkpoints disagree on the metadata \(merged.dropped.joined(separator: ", ")): left out")
    }
  }
}

/// One of the averages that a run makes or tries.
struct Variant {
  let method: any AveragingMethod
  /// Choice by scores that has led to this average; nil where there was nothing to choose.
  var choice: Choice?
  /// Number of last checkpoints that are averaged; nil for all.
  var window: Int?
  /// Values of `{decay}` and `{last}` in the name of the output.
  var names: [String: String] = [:]

  /// Choice by scores that has led to an average, for the provenance.
  struct Choice {
    /// The method's name, where it is not that of the average.
    var methodName: String?
    var mode: GreedySoup.Mode
    /// The score of this average.
    var score: Double
    /// All candidates of a search.
    var candidates: [(names: [String: String], score: Double)] = []
    /// The score of every checkpoint alone.
    var alone: [Double]?

    var settings: [(String, JSON)] {
      var settings: [(String, JSON)] = [("mode", .string(mode.rawValue)), ("score", number(score))]
      if !candidates.isEmpty {
        let list = candidates.map { candidate in
          JSON.object(
            candidate.names.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }
              + [("score", number(candidate.score))])
        }
        settings.append(("search", .array(list)))
      }
      return settings
    }
  }

  /// The output's name with this variant's values in it.
  func expand(_ template: String) -> String { Self.expand(template, names) }

  /// `template` with values for names in braces.
  static func expand(_ template: String, _ names: [String: String]) -> String {
    names.sorted { $0.key < $1.key }.reduce(template) {
      $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value)
    }
  }
}

/// A score; JSON has no number that is not finite.
func number(_ value: Double) -> JSON { value.isFinite ? JSON(value) : .null }

extension String {
  fileprivate func replacingOccurrences(of pattern: String, with text: String) -> String {
    split(separator: pattern, omittingEmptySubsequences: false).joined(separator: text)
  }
}
