import ArgumentParser
import Averaging
import Checkpoint
import CommandSupport
import TensorMath

@main
struct Average: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-average",
    abstract: "Turn a series of checkpoints into one.",
    discussion: """
      Weights are computed first (--dry-run shows them), then all checkpoints are read once, side by side. \
      Integer tensors and, unless told otherwise, BatchNorm statistics come from the newest checkpoint.
      """,
    version: versionText("ckpt-average"))

  @OptionGroup(title: "Input and output") var input: SeriesOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions
  @OptionGroup(title: "Method") var method: MethodOptions
  @OptionGroup(title: "Tensors") var tensors: TensorOptions

  @Option(name: .long, help: "Checksum of every input for the provenance: crc32 or none.")
  var digest: DigestKind?

  @Flag(name: .long, help: "Print files, weights and sizes, and write nothing.")
  var dryRun = false

  @OptionGroup(title: "General") var global: GlobalOptions

  func execute(_ console: Console) throws {
    let destination = dryRun ? nil : try output.destination()
    let chosen = try averagingMethod(method.method, method.parameters)
    let files = try input.files(console)
    let timeline = try Timeline(names: files.map(\.label), steps: try input.steps(of: files))
    let combination = try chosen.combination(of: timeline)
    let series = try Series(try files.map { try openCheckpoint($0) })
    let plan = try AveragingPlan(series, combination, options: try tensors.planOptions())

    let summary = Summary(plan: plan, timeline: timeline, threads: global.threadCount)
    guard let destination else { return try StandardOutput.write(summary.text) }
    for line in summary.lines { console.detail(line) }
    if let warning = summary.warning { console.warning(warning) }
    if !input.allowDuplicates { try series.refuseDuplicates() }
    try write(plan, by: chosen, to: destination, console)
  }

  private func write(
    _ plan: AveragingPlan, by method: any AveragingMethod, to destination: OutputDestination,
    _ console: Console
  ) throws {
    let merged = MergedMetadata(plan)
    if !merged.dropped.isEmpty {
      console.notice("the inputs do not agree on \(merged.dropped.joined(separator: ", ")): left out")
    }
    let history = History(plan: plan, method: method, tensors: tensors)
    let specs = plan.entries.map(\.output)

    // The header stands before the data: digests are either patched into it or known beforehand.
    var metadata = history.recorded(
      in: merged.metadata, digests: digest == DigestKind.none ? nil : history.placeholders)
    var writer = try CheckpointWriter(to: destination, tensors: specs, metadata: metadata)
    let patches = digest != DigestKind.none && writer.canPatchHeader
    if digest != DigestKind.none && !patches {
      let known = digest == .crc32 ? try plan.series.members.map { try $0.digest() } : nil
      metadata = history.recorded(in: merged.metadata, digests: known)
      writer.abort()
      writer = try CheckpointWriter(to: destination, tensors: specs, metadata: metadata)
    }

    let progress = console.progress("averaging", total: plan.bytesToRead >> 20, unit: "MiB")
    var bytes = 0
    let digests = try AveragingPass([plan]).run(into: [writer], digests: patches, pool: global.makePool()) {
      count in
      progress.advance(by: (bytes + count) >> 20 - bytes >> 20)
      bytes += count
    }
    progress.finish()
    try writer.finish(metadata: digests.map { history.recorded(in: merged.metadata, digests: $0) })
  }
}

/// `--digest`.
enum DigestKind: String, ExpressibleByArgument, CaseIterable {
  case crc32, none
}

extension AveragingError: DiagnosedError {
  package var exitStatus: ExitStatus { isUsage ? .usage : .badData }
}
