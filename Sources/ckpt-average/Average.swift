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
  @OptionGroup(title: "Input and output") var decoding: InputOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions

  @OptionGroup(title: "Input and output") var compression: CompressionOptions

  @Option(name: .long, help: "Checksum of every input for the provenance: crc32 or none.")
  var digest: DigestKind?

  @Flag(name: .long, help: "Print files, weights and sizes, and write nothing.")
  var dryRun = false

  @OptionGroup(title: "Method") var method: MethodOptions
  @OptionGroup(title: "Sampling") var sample: SampleOptions
  @OptionGroup(title: "Search") var search: SearchOptions
  @OptionGroup(title: "Tensors") var tensors: TensorOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    if method.method == MethodOptions.greedySoup && search.eval == nil {
      throw ValidationError("greedy-soup needs --eval with a command that scores a checkpoint")
    }
    if search.eval != nil && method.method != MethodOptions.greedySoup && search.search.isEmpty {
      throw ValidationError("--eval chooses among candidates: give --search or --method greedy-soup")
    }
    if method.method == MethodOptions.swagSample {
      guard input.checkpoints.count == 1, !dryRun else {
        throw ValidationError("swag-sample takes one file that --method swag has made")
      }
    } else if sample.isGiven {
      throw ValidationError("--scale, --scaling, --diagonal, --seed and --count are for --method swag-sample")
    }
    if input.best != nil && search.mode == nil {
      throw ValidationError("--best needs --mode max or --mode min: a loss is best when it is small")
    }
    if search.eval != nil && dryRun { throw ValidationError("--dry-run cannot know what --eval will choose") }
  }

  func execute(_ console: Console) throws {
    stopIdleBLASThreads()
    if method.method == MethodOptions.swagSample {
      let source = try openCheckpoint(Location(argument: input.checkpoints[0]), options: try openOptions())
      return try sample.run(source, to: output.output, writeOptions, pool: global.makePool())
    }
    let variants = try search.variants(method: method, input: input)
    let files = try input.files(
      needsSteps: variants.contains { $0.method.needsSteps }, last: variants.compactMap(\.window).max(),
      mode: search.mode ?? .max)
    let steps = files.compactMap(\.step)
    if search.eval == nil && !dryRun { _ = try destinations(of: variants) }
    let opening = try openOptions()
    let series = try Series(
      try files.map { try openCheckpoint(Location(argument: $0.path), options: opening) },
      keys: tensors.keys)
    for member in series.members where !member.prefix.isEmpty {
      console.detail("\(member.label): prefix \(member.prefix) taken off every name")
    }
    let timeline = try Timeline(
      names: files.map(\.path), steps: steps.isEmpty ? nil : steps,
      modelCounts: series.members.map(\.modelCount))
    let job = Job(
      series: series, timeline: timeline, tensors: tensors, options: try tensors.planOptions(),
      writing: writeOptions, pool: global.makePool(), console: console)

    if dryRun {
      return try StandardOutput.write(
        variants.map { Summary(try job.plan($0), timeline, threads: global.threadCount).text }.joined(
          separator: "\n"))
    }
    if !input.allowDuplicates { try series.refuseDuplicates() }
    if let command = search.eval {
      let destination = try output.destination()
      let evaluation = CandidateEvaluation(command: command, mode: search.mode ?? .max, job: job)
      let best =
        method.method == MethodOptions.greedySoup
        ? try evaluation.greedySoup() : try evaluation.best(of: variants)
      return try job.write([(best, destination)], digest: digest)
    }
    try job.write(Array(zip(variants, try destinations(of: variants))), digest: digest)
  }

  private func openOptions() throws -> OpenOptions { try decoding.openOptions(threads: global.threadCount) }

  private var writeOptions: WriteOptions { compression.writeOptions(threads: global.threadCount) }

  /// Where each average goes; several need a template with something that tells them apart.
  private func destinations(of variants: [Variant]) throws -> [OutputDestination] {
    let paths = variants.map { $0.expand(output.output) }
    guard Set(paths).count == paths.count else {
      throw Failure(
        .usage,
        "\(paths.count) averages need \(paths.count) outputs: -o with {decay} or {last} in the name, such as 'ema-{decay}.safetensors'"
      )
    }
    return try paths.map { try checkedDestination($0) }
  }
}

/// `--digest`.
enum DigestKind: String, ExpressibleByArgument, CaseIterable {
  case crc32, none
}

extension AveragingError: DiagnosedError {
  package var exitStatus: ExitStatus { isUsage ? .usage : .badData }
}
