import Averaging
import Checkpoint
import Command
import Platform
import SeriesCommand

/// An average whose sums are kept in a file, so that it can be continued.
struct StateJob {
  let path: String
  let variant: Variant
  let tensors: TensorOptions
  /// Options besides the method's that the tensors depend on.
  let recorded: [(String, JSON)]
  let digest: DigestKind
  let writing: WriteOptions
  let pool: ThreadPool
  let console: Console
  let allowsDuplicates: Bool

  /// The state there is, known to belong to this computation; nil before the first run.
  func openState() throws -> AveragingState? {
    let source: any CheckpointSource
    do {
      source = try openCheckpoint(.path(path))
    } catch CheckpointError.cannotOpen(_, let code) where code == ENOENT {
      return nil
    }
    let state = try AveragingState(source)
    try state.check(settings)
    return state
  }

  /// Options that must be the same whenever the state is continued: all that tensors and provenance depend on, but for
  /// the output's element type.
  private var settings: JSON {
    .object(
      History.settings(variant, recorded).filter { $0.0 != "dtype" } + [("digest", .string(digest.rawValue))])
  }

  /// Adds checkpoints to the state and writes the average of all.
  func run(
    _ sources: [any CheckpointSource], names: [String], steps: [Double]?, dryRun: Bool,
    to destination: () throws -> Location
  ) throws {
    let state = try openState()
    guard state != nil || !sources.isEmpty else { throw AveragingError.emptySeries }
    let counted = try alreadyCounted(sources, state)
    let new =
      try sources.count > counted
      ? Series(Array(sources[counted...]), isSelected: tensors.selection()) : nil
    if !allowsDuplicates { try new?.refuseDuplicates() }
    let earlier = state?.inputs ?? []
    let timeline: Timeline
    if let new {
      timeline = try Timeline(
        names: Array(names[counted...]), steps: steps.map { Array($0[counted...]) },
        modelCounts: state == nil ? new.modelCounts : new.members.map { _ in 1 }
      ).following(earlier, method: type(of: variant.method).name)
    } else {
      timeline = try Timeline(earlier)
    }
    let combination = try StateUpdate.combination(variant.method, timeline, state)
    if dryRun {
      let labels = (earlier.map(\.name) + (new?.members.map(\.label) ?? [])).map(escaped)
      return try StandardOutput.write(
        zip(combination.weights, labels).map { "\(Summary.column($0))  \($1)\n" }.joined()
          + "\(earlier.count) of them in \(escaped(path)) already\n")
    }
    let target = try destination()
    let next = try new.map { try update(state, $0, timeline) } ?? state!
    try write(next, combination, to: target)
  }

  private func alreadyCounted(_ sources: [any CheckpointSource], _ state: AveragingState?) throws -> Int {
    guard let state, !allowsDuplicates else { return 0 }
    let counted = try state.countedPrefix(sources.map { SeriesMember($0) })
    if counted > 0 {
      console.notice("\(counted) of \(sources.count) checkpoints are in \(escaped(path)) already")
    }
    return counted
  }

  /// The next state, on disk.
  private func update(
    _ state: AveragingState?, _ series: Series, _ timeline: Timeline
  ) throws -> AveragingState {
    let job = Job(
      series: series, timeline: timeline, settings: recorded, options: tensors.planOptions,
      writing: WriteOptions(), pool: pool, console: console, allowsDuplicates: true)
    let update = try StateUpdate(
      state, adding: series, method: variant.method, timeline: timeline, settings: settings,
      options: tensors.planOptions)
    let known = digest == .sha256 ? try job.sha256() : nil
    let placeholders = digest == .none ? nil : known ?? series.members.map { _ in digest.placeholder }
    let writer = try CheckpointWriter(
      to: .path(path), tensors: update.plan.entries.map(\.output),
      metadata: update.metadata(digests: placeholders))
    guard writer.canPatchHeader else {
      throw Failure(.usage, "--state needs a file, which \(TensorName(path).escaped) is not")
    }
    let found = try job.run(AveragingPass([update.plan]), into: [writer], digests: digest == .crc32)
    try writer.finish(metadata: found.map { update.metadata(digests: $0) })
    return try AveragingState(try openCheckpoint(.path(path)))
  }

  /// Writes the average of what is in the state.
  private func write(
    _ state: AveragingState, _ combination: LinearCombination, to destination: Location
  ) throws {
    let plan = try state.result(combination, dtype: tensors.dtype.dtype)
    let inputs = zip(state.inputs, combination.weights).map {
      History.Input(name: $0.name, size: $0.size, digest: $0.digest, weight: $1, step: $0.step)
    }
    let contributors = combination.contributors
    console.notice(
      Summary.headline(contributors, of: inputs.map { escaped($0.name) }, weights: combination.weights))
    if !Summary.areGiven(variant),
      let warning = Summary.warning(contributors, of: inputs.map(\.name), weights: combination.weights)
    {
      console.warning(warning)
    }
    let history = History(variant: variant, settings: recorded, digest: digest, inputs: inputs)
    let writer = try CheckpointWriter(
      to: destination, tensors: plan.entries.map(\.output),
      metadata: history.recorded(in: state.resultMetadata), options: writing)
    try AveragingPass([plan]).run(into: [writer], pool: pool)
    try writer.finish()
  }
}
