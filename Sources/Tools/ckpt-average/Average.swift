import ArgumentParser
import Averaging
import Checkpoint
import Command
import Platform
import SeriesCommand

@main
struct Average: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-average",
    abstract: "Turn a series of checkpoints into one.",
    discussion: """
      Weights are computed first (--dry-run shows them), then all checkpoints are read once, in parallel. \
      Integer tensors and, by default, BatchNorm statistics come from the newest checkpoint.
      """,
    version: versionText("ckpt-average"))

  @OptionGroup(title: "Input and output") var input: SeriesOptions
  @OptionGroup(title: "Input and output") var decoding: InputOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions

  @OptionGroup(title: "Input and output") var compression: CompressionOptions

  @OptionGroup(title: "Input and output") var sharding: ShardingOptions

  @Option(help: "Digest of every input in the provenance (default: crc32).")
  var digest: DigestKind?

  @Option(
    help: ArgumentHelp(
      "State file with the sums of the average, so that checkpoints can be added later.", valueName: "file"),
    completion: .file())
  var state: String?

  @Option(
    help: ArgumentHelp(
      "Report of weights, drift of every tensor and outliers: JSON, a page (.html) or a model card (.md).",
      valueName: "file"),
    completion: .file())
  var report: String?

  @Flag(help: "Print files, weights and sizes, and write nothing.")
  var dryRun = false

  @OptionGroup(title: "Method") var method: MethodOptions
  @OptionGroup(title: "Sampling") var sample: GaussianSampleOptions
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
    if [method.pretrained ?? ""].contains(where: isStandardInput)
      && input.checkpoints.contains(where: isStandardInput)
    {
      throw ValidationError("standard input can be read only once")
    }
    if method.pretrained != nil && (input.steps != nil || search.eval != nil) {
      throw ValidationError("--pretrained goes with neither --steps nor --eval")
    }
    try validateState()
    try validateSharding()
  }

  private func validateSharding() throws {
    guard sharding.maxShardSize != nil else { return }
    if output.output == "-" { throw ValidationError("--max-shard-size needs a folder: -o DIR") }
    if state != nil { throw ValidationError("--state goes with neither --max-shard-size nor --shard") }
    if method.method == MethodOptions.swagSample || search.eval != nil {
      throw ValidationError("--max-shard-size goes with neither --eval nor --method swag-sample")
    }
    guard sharding.shard != nil else { return }
    if report != nil { throw ValidationError("--report is for one process: leave --shard out") }
    if (input.last?.values.count ?? 1) > 1 || (method.decay?.values.count ?? 1) > 1 || !search.search.isEmpty
    {
      throw ValidationError("--shard makes one output: give one decay and one window")
    }
    if (input.checkpoints + [method.pretrained].compactMap(\.self)).contains(where: isStream) {
      throw ValidationError("every process of --shard reads the checkpoints: they cannot be streams")
    }
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
    if tensors.keys != .identical { throw ValidationError("--state needs --keys identical") }
  }

  func execute(_ console: Console) throws {
    if method.method == MethodOptions.swagSample {
      let source = try openCheckpoint(Location(argument: input.checkpoints[0]), options: try openOptions())
      return try sample.run(source, to: output.output, writeOptions(), pool: global.makePool())
    }
    var variants = try search.variants(method: method, input: input)
    let opening = try openOptions()
    var streaming = opening
    streaming.streams = state == nil && search.eval == nil && report == nil
    let selection = SeriesSelection(
      options: input, order: input.effectiveOrder(hasListPerFile: method.hasListPerFile),
      open: { try openCheckpoint(Location(argument: $0), options: opening) }, console: console)
    var files = try selection.files(
      needsSteps: variants.contains { $0.method.needsSteps }, last: variants.compactMap(\.window).max(),
      mode: search.mode ?? .max,
      outputs: variants.map { $0.expand(output.output) } + [state].compactMap(\.self))
    if let pretrained = method.pretrained {
      guard variants.allSatisfy({ $0.window == variants[0].window }) else {
        throw Failure(.usage, "--pretrained goes with one window of the series, not several")
      }
      // The window has been cut out already, and is no longer the end of the series.
      for index in variants.indices { variants[index].window = nil }
      files.insert(SeriesSelection.File(path: pretrained), at: 0)
    }
    try tryOutputs(of: variants)
    let sources = try files.map {
      try $0.source ?? openCheckpoint(Location(argument: $0.path), options: streaming)
    }
    tellStateDicts(of: sources, console)
    if let sums = sources.first(where: { AveragingState.isState($0) }) {
      throw Failure(.badData, "\(escaped(sums.label)): holds the sums of an average; give it with --state")
    }
    let steps = files.isEmpty || files[0].step == nil ? nil : files.compactMap(\.step)
    if let state {
      let job = StateJob(
        path: state, variant: variants[0], tensors: tensors, recorded: recordedOptions,
        digest: digest ?? .crc32, writing: try writeOptions(), pool: global.makePool(), console: console,
        allowsDuplicates: input.allowDuplicates)
      return try job.run(sources, names: files.map(\.path), steps: steps, dryRun: dryRun) {
        try destinations(of: variants)[0]
      }
    }
    let series = try Series(sources, keys: tensors.keys, isSelected: tensors.selection())
    tell(series, console)
    let timeline = try Timeline(
      names: files.map(\.path), steps: steps, modelCounts: series.modelCounts)
    var writing = try writeOptions()
    writing.configuration = sources.last?.origin.configuration
    let job = Job(
      series: series, timeline: timeline, settings: recordedOptions, options: tensors.planOptions,
      groups: method.group, writing: writing, shard: try sharding.resolved(), pool: global.makePool(),
      console: console,
      allowsDuplicates: toleratesDuplicates)
    if dryRun { return try show(variants, job, console) }
    let chosen = try search.eval.map { try [choose(among: variants, by: $0, job)] } ?? variants
    let digests = try job.write(Array(zip(chosen, try destinations(of: chosen))), digest: digest)
    if let report {
      try SeriesReport(job: job, variants: chosen, digests: digests, digest: digest ?? .crc32).write(
        to: report)
    }
  }

  /// Tries everything that will be written; of candidates one is chosen later.
  private func tryOutputs(of variants: [Variant]) throws {
    guard !dryRun else { return }
    if search.eval == nil { _ = try destinations(of: variants) }
    var paths = variants.map { $0.expand(output.output) }
    if search.eval != nil { paths = Array(paths.prefix(1)) }
    var outputs = PlannedOutputs()
    for path in paths { outputs.add("-o", path, isFolder: sharding.maxShardSize != nil) }
    outputs.add("--report", report)
    outputs.add("--state", state)
    try outputs.check()
  }

  /// Options besides the method's that the tensors depend on.
  private var recordedOptions: [(String, JSON)] {
    method.group.settings + tensors.settings + (decoding.key.map { [("key", .string($0))] } ?? [])
  }

  /// True if equal checkpoints are all counted; a folder's series has been rid of copies.
  private var toleratesDuplicates: Bool {
    input.allowDuplicates || input.series != nil && method.pretrained == nil
  }

  /// `--dry-run`: all that a run would do but for the data.
  private func show(_ variants: [Variant], _ job: Job, _ console: Console) throws {
    if !job.allowsDuplicates { try job.series.refuseDuplicates() }
    for (number, variant) in variants.enumerated() {
      let summary = Summary(
        try job.grouped(try job.plan(variant)), job.timeline, variant, threads: global.threadCount)
      let heading = variants.count > 1 ? (number > 0 ? "\n" : "") + variant.expand(output.output) + ":\n" : ""
      try StandardOutput.write(heading + summary.text)
      if let warning = summary.warning { console.warning(warning) }
    }
  }

  /// Prints what is worth knowing about the files before anything is computed.
  private func tell(_ series: Series, _ console: Console) {
    for member in series.members {
      if !member.prefix.isEmpty {
        console.detail("\(escaped(member.label)): prefix \(member.prefix) removed from every name")
      }
      if let key = member.source.stateDictKey, !key.isEmpty {
        console.detail("\(escaped(member.label)): weights from \"\(escaped(key))\"")
      }
    }
    let counted = series.members.filter(\.isAveragedModel)
    if counted.count > 1 || counted.count == 1 && !series.members[0].isAveragedModel {
      console.notice(
        "\(counted.count) files are averages with a model count (n_averaged), which is ignored; give --counts to weight them"
      )
    } else if counted.count == 1 {
      let count = Int(exactly: counted[0].modelCount).map(String.init) ?? "\(counted[0].modelCount)"
      console.detail("\(escaped(counted[0].label)): counts as \(count) models")
    }
  }

  /// The average with the best score.
  private func choose(among variants: [Variant], by command: String, _ job: Job) throws -> Variant {
    if !job.allowsDuplicates { try job.series.refuseDuplicates() }
    // Once is enough for all candidates.
    var job = job
    job.allowsDuplicates = true
    let evaluation = CandidateEvaluation(command: command, mode: search.mode ?? .max, job: job)
    return method.method == MethodOptions.greedySoup
      ? try evaluation.greedySoup() : try evaluation.best(of: variants)
  }

  private func openOptions() throws -> OpenOptions { try decoding.openOptions(threads: global.threadCount) }

  private func writeOptions() throws -> WriteOptions {
    var options = try compression.writeOptions(for: output.output, threads: global.threadCount)
    guard let size = sharding.maxShardSize else { return options }
    guard options.format == .safetensors else {
      throw Failure(
        .usage, "only safetensors files can be sharded: --max-shard-size and \(escaped(output.output))")
    }
    options.maxShardBytes = size.bytes
    return options
  }

  /// Destinations of the averages; several need a template with something that distinguishes them.
  private func destinations(of variants: [Variant]) throws -> [Location] {
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

extension AveragingError: AdvisedError {
  package var advice: String? {
    switch self {
    case .stepsMissing, .noStep: "--steps gives them"
    case .negativeVariance: "--buffers latest keeps the newest"
    case .differentKeys: "choose with --key"
    case .missingTensor, .extraTensor: "--keys intersection or --exclude leaves such tensors out"
    case .mismatch: "--exclude leaves a tensor out"
    case .unionNeedsWeights: "--keys intersection leaves it out"
    case .stateMismatch: "name another --state to begin a new one"
    case .notContinuable: "leave --state out"
    case .alreadyCounted: "give it first, or not at all"
    case .duplicate: "--allow-duplicates counts it twice"
    case .notAGaussian: "--method swag makes such a file"
    case .noTensors: "check --include and --exclude"
    default: nil
    }
  }
}
