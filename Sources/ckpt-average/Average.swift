import ArgumentParser
import Averaging
import Checkpoint
import CommandSupport
import FoundationEssentials
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

  @Option(name: .long, help: "Digest of every input for the provenance (default: crc32).")
  var digest: DigestKind?

  @Option(
    name: .long,
    help: ArgumentHelp("Keep the sums in a file, to add checkpoints to them later.", valueName: "file"),
    completion: .file())
  var state: String?

  @Option(
    name: .long,
    help: ArgumentHelp("JSON: weights, drift of every tensor, outliers.", valueName: "file"),
    completion: .file())
  var report: String?

  @Flag(name: .long, help: "Print files, weights and sizes, and write nothing.")
  var dryRun = false

  @OptionGroup(title: "Method") var method: MethodOptions
  @OptionGroup(title: "Sampling") var sample: SampleOptions
  @OptionGroup(title: "Search") var search: SearchOptions
  @OptionGroup(title: "Tensors") var tensors: TensorOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    guard state != nil || input.isGiven else {
      throw ValidationError("give checkpoints, or --series with a folder of them")
    }
    if method.method == MethodOptions.greedySoup && search.eval == nil {
      throw ValidationError("greedy-soup needs --eval with a command that scores a checkpoint")
    }
    if search.eval != nil && method.method != MethodOptions.greedySoup && search.search.isEmpty {
      throw ValidationError("--eval chooses among candidates: give --search or --method greedy-soup")
    }
    if method.method == MethodOptions.swagSample {
      guard input.checkpoints.count == 1, !dryRun, state == nil, report == nil else {
        throw ValidationError("swag-sample takes one file that --method swag has made")
      }
    } else if sample.isGiven {
      throw ValidationError("--scale, --scaling, --diagonal, --seed and --count are for --method swag-sample")
    }
    if input.best != nil && search.mode == nil {
      throw ValidationError("--best needs --mode max or --mode min: a loss is best when it is small")
    }
    if search.eval != nil && dryRun { throw ValidationError("--dry-run cannot know what --eval will choose") }
    if dryRun && report != nil { throw ValidationError("--report reads the data, which --dry-run does not") }
    try validateState()
  }

  private func validateState() throws {
    guard state != nil else { return }
    if report != nil { throw ValidationError("--report needs all checkpoints; --state has only their sums") }
    if search.eval != nil || !search.search.isEmpty || input.last != nil || input.best != nil
      || (method.decay?.values.count ?? 1) > 1
    {
      throw ValidationError(
        "--state keeps the sums of one average: it goes with neither --last, --best, --search, --eval nor several decays"
      )
    }
    if let state, Self.isSameFile(state, output.output) {
      throw ValidationError("--state and --output name the same file")
    }
    if tensors.keys != .identical { throw ValidationError("--state needs --keys identical") }
  }

  private static func isSameFile(_ a: String, _ b: String) -> Bool {
    URL(fileURLWithPath: a).resolvingSymlinksInPath() == URL(fileURLWithPath: b).resolvingSymlinksInPath()
  }

  func execute(_ console: Console) throws {
    stopIdleBLASThreads()
    if method.method == MethodOptions.swagSample {
      let source = try openCheckpoint(Location(argument: input.checkpoints[0]), options: try openOptions())
      return try sample.run(source, to: output.output, writeOptions(), pool: global.makePool())
    }
    let variants = try search.variants(method: method, input: input)
    let files = try input.files(
      needsSteps: variants.contains { $0.method.needsSteps }, last: variants.compactMap(\.window).max(),
      mode: search.mode ?? .max)
    if search.eval == nil && !dryRun { _ = try destinations(of: variants) }
    var opening = try openOptions()
    opening.streams = state == nil && search.eval == nil && report == nil
    let sources = try files.map { try openCheckpoint(Location(argument: $0.path), options: opening) }
    tellStateDicts(of: sources, console)
    if let sums = sources.first(where: { AveragingState.isState($0) }) {
      throw Failure(
        .badData, "\(TensorName(sums.label).escaped): holds the sums of an average; give it with --state")
    }
    let steps = files.isEmpty || files[0].step == nil ? nil : files.compactMap(\.step)
    if let state {
      let job = StateJob(
        path: state, variant: variants[0], tensors: tensors, digest: digest ?? .crc32,
        writing: try writeOptions(),
        pool: global.makePool(), console: console, allowsDuplicates: input.allowDuplicates)
      return try job.run(sources, names: files.map(\.path), steps: steps, dryRun: dryRun) {
        try destinations(of: variants)[0]
      }
    }
    let series = try Series(sources, keys: tensors.keys)
    tell(series, console)
    let timeline = try Timeline(
      names: files.map(\.path), steps: steps, modelCounts: series.modelCounts)
    var writing = try writeOptions()
    writing.configuration = sources.last?.origin.configuration
    let job = Job(
      series: series, timeline: timeline, tensors: tensors, options: try tensors.planOptions(),
      writing: writing, pool: global.makePool(), console: console,
      allowsDuplicates: input.allowDuplicates)
    if dryRun { return try show(variants, job, console) }
    let chosen = try search.eval.map { try [choose(among: variants, by: $0, job)] } ?? variants
    let digests = try job.write(Array(zip(chosen, try destinations(of: chosen))), digest: digest)
    if let report {
      try SeriesReport(job: job, variants: chosen, digests: digests, digest: digest ?? .crc32).write(
        to: report)
    }
  }

  /// `--dry-run`.
  private func show(_ variants: [Variant], _ job: Job, _ console: Console) throws {
    for (number, variant) in variants.enumerated() {
      let summary = Summary(try job.plan(variant), job.timeline, threads: global.threadCount)
      let heading = variants.count > 1 ? (number > 0 ? "\n" : "") + variant.expand(output.output) + ":\n" : ""
      try StandardOutput.write(heading + summary.text)
      if let warning = summary.warning { console.warning(warning) }
    }
  }

  /// What is worth knowing about the files before anything is computed.
  private func tell(_ series: Series, _ console: Console) {
    for member in series.members {
      if !member.prefix.isEmpty {
        console.detail("\(member.label): prefix \(member.prefix) taken off every name")
      }
      if let key = member.source.stateDictKey, !key.isEmpty {
        console.detail("\(member.label): weights from \"\(TensorName(key).escaped)\"")
      }
    }
    let counted = series.members.filter(\.isAveragedModel)
    if counted.count > 1 || counted.count == 1 && !series.members[0].isAveragedModel {
      console.notice(
        "\(counted.count) of the files are averages with a count of models (n_averaged), which is not used; --counts says how many models each stands for"
      )
    } else if counted.count == 1 {
      let count = Int(exactly: counted[0].modelCount).map(String.init) ?? "\(counted[0].modelCount)"
      console.detail("\(counted[0].label): counts as \(count) models")
    }
  }

  /// The average with the best score.
  private func choose(among variants: [Variant], by command: String, _ job: Job) throws -> Variant {
    if !input.allowDuplicates { try job.series.refuseDuplicates() }
    let evaluation = CandidateEvaluation(command: command, mode: search.mode ?? .max, job: job)
    return method.method == MethodOptions.greedySoup
      ? try evaluation.greedySoup() : try evaluation.best(of: variants)
  }

  private func openOptions() throws -> OpenOptions { try decoding.openOptions(threads: global.threadCount) }

  private func writeOptions() throws -> WriteOptions {
    try compression.writeOptions(for: output.output, threads: global.threadCount)
  }

  /// Where each average goes; several need a template with something that tells them apart.
  private func destinations(of variants: [Variant]) throws -> [OutputDestination] {
    let paths = variants.map { $0.expand(output.output) }
    guard Set(paths).count == paths.count else {
      throw Failure(
        .usage,
        "\(paths.count) averages need \(paths.count) outputs: -o with {decay} or {last} in the name, such as 'ema-{decay}.safetensors'"
      )
    }
    return try paths.map { try checkpointDestination($0) }
  }
}

extension AveragingError: DiagnosedError {
  package var exitStatus: ExitStatus { isUsage ? .usage : .badData }
}
