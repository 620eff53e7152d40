import ArgumentParser
import Checkpoint
import Command
import FineTuning
import FoundationEssentials
import ImageData
import NetworkCommand
import NetworkGraphs
import Platform

@main
struct FixRes: NetworkTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-fixres",
    abstract:
      "Fine-tune the classifier, the last normalization or the last blocks of a checkpoint at test resolution.",
    discussion: """
      The layers before the tuned ones are frozen and the preprocessing deterministic, so their maps are computed once \
      and reused in every epoch.
      """,
    version: versionText("ckpt-fixres", kernels: kernelDescription))

  @OptionGroup(title: "Input and output") var samples: TrainingDataOptions
  @OptionGroup(title: "Input and output") var model: ModelOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions
  @OptionGroup(title: "Input and output") var compression: CompressionOptions

  @OptionGroup(title: "Training") var training: TrainingOptions
  @OptionGroup(title: "Learning rate") var schedule: ScheduleOptions
  @OptionGroup(title: "Loss") var loss: LossOptions
  @OptionGroup(title: "Distillation") var teacher: TeacherOptions
  @OptionGroup(title: "New classes") var head: HeadOptions
  @OptionGroup(title: "Features") var caching: CacheOptions
  @OptionGroup(title: "Features") var arithmetic: ArithmeticOptions
  @OptionGroup(title: "Data set") var images: DataOptions
  @OptionGroup(title: "Preprocessing") var preprocessing: PreprocessingOptions
  @OptionGroup(title: "Many machines") var sharing: SharingOptions
  @OptionGroup(title: "Reports") var reports: ReportOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    try requireOneStandardInput([model.model, samples.data, samples.val])
    if images.fullDepth {
      throw ValidationError(
        "--full-depth is not for fine-tuning, whose transforms are those of images of 8 bits")
    }
    if training.earlyStop != nil && samples.val == nil && sharing.shard == nil {
      throw ValidationError("--early-stop watches the validation loss: give --val")
    }
    if caching.reread && training.optimizer == .lbfgs {
      throw ValidationError("lbfgs needs all features at once, so it cannot go with --reread")
    }
    if caching.reread && training.bn == .recalibrate {
      throw ValidationError("--bn recalibrate needs all features at once, so it cannot go with --reread")
    }
    if teacher.teacher != nil && !caching.mixing.policy.isEmpty && !caching.reread {
      throw ValidationError("a teacher sees images, not mixed features: --teacher and --mixup need --reread")
    }
    try validateSharing()
  }

  /// A process of several computes features or trains on those of all; the images are read by the former.
  private func validateSharing() throws {
    guard (samples.data != nil) != !sharing.merge.isEmpty else {
      throw ValidationError("give the images with --data, or the features of all shards with --merge")
    }
    if caching.reread && (sharing.shard != nil || !sharing.merge.isEmpty) {
      throw ValidationError("--reread computes no features that could be shared")
    }
    if !sharing.merge.isEmpty && caching.cache != nil && samples.val == nil {
      throw ValidationError("there are no features to compute: leave out --cache, or give --val")
    }
    guard sharing.shard != nil else { return }
    let others: KeyValuePairs<String, Bool> = [
      "--val": samples.val != nil, "--report": reports.report != nil, "--plot": reports.plot != nil,
      "--state": training.stateFile != nil, "--cache": caching.cache != nil,
      "--output": output.output != "-", "--compress": compression.compress,
    ]
    if let other = others.first(where: \.value) {
      throw ValidationError("--shard computes features alone: \(other.key) goes with --merge")
    }
  }

  func execute(_ console: Console) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let shard = try sharing.resolvedShard()
    let destination = try shard == nil ? output.destination() : nil
    let writing = try compression.writeOptions(for: output.output, threads: global.threadCount)
    var outputs = PlannedOutputs()
    if destination != nil { outputs.add("-o", output.output) }
    outputs.add("--features", sharing.features)
    try reports.check()
    outputs.add("--report", reports.report)
    outputs.add("--plot", reports.plot)
    outputs.add("--state", training.stateFile)
    try outputs.check()
    let pool = global.makePool()
    // Steps through activations magnify rounding: with large tiles, tuned blocks end ten times as far from exact sums.
    let isDeep = training.train?.cutPoint != nil
    let loaded = try model.load(
      pool: pool, compute: arithmetic.compute(tiles: isDeep ? .smallTiles : .largeTiles), console: console)
    let label = loaded.source.label
    if loaded.source.metadata[MetadataKey.batchNorm] == MetadataKey.BatchNormState.stale {
      console.warning("\(label): BatchNorm statistics are stale; run ckpt-bnfix first")
    }
    let resolved = try preprocessing.resolve(loaded, console: console)
    var options = try training.makeOptions(network: loaded.network, console: console)
    let classes = head.numClasses ?? loaded.network.classCount
    options.loss = teacher.makeLoss(try loss.makeLoss(classes: classes))
    options.mixing = caching.mixing.policy
    let cut = try options.layers.cutPoint.map { try NetworkCut(loaded.network.description, at: $0) }
    let tail = try TunableTail(
      loaded.network, checkpoint: loaded.source,
      needsBatchNorm: cut == nil
        && (options.layers == .classifierAndBatchNorm || options.batchNorm != .frozen),
      needsLayerNorm: options.layers == .classifierAndLayerNorm, cut: cut)

    // Everything that can be refused is, before the long work.
    // A new classifier has the classes of the data that it is trained on.
    var names = head.numClasses == nil ? loaded.classNames(console: console) : nil
    var stage = FeatureStage(
      tail: tail, preprocessing: resolved.preprocessing, caching: caching, arithmetic: arithmetic, pool: pool,
      workers: global.threadCount, console: console)
    func open(_ argument: String, _ part: DataOptions.Part, isReadAgain: Bool) throws -> TrainingSource {
      let stored = try StoredFeatures(
        argument: argument, model: loaded, stage: stage, classes: classes,
        needsMore: options.layers != .classifier || options.batchNorm != .frozen, reference: names,
        console: console)
      if let stored { return .features(stored) }
      return .images(
        try images.labelled(
          images.openReadable(
            argument, part: part, seed: options.seed, views: [resolved.preprocessing],
            isReadAgain: isReadAgain,
            pool: pool, console: console),
          by: names, for: loaded, classes: head.numClasses, console: console))
    }
    let parts = try mergedParts(stage, classes: classes, seed: options.seed)
    let source: TrainingSource =
      try samples.data.map {
        try open($0, .selected, isReadAgain: caching.readsAgain || teacher.teacher != nil)
      } ?? .features(StoredFeatures(parts))
    if let own = source.classNames { names = ClassNames(own, owner: source.name) }
    let validationSource = try samples.val.map { try open($0, .all, isReadAgain: caching.cache != nil) }
    if parts.isEmpty {
      try StoredFeatures.check(images, caching: caching, training: source, validation: validationSource)
    }
    let teacherModel = try teacher.open(
      images: source.count, classes: classes, names: names, preprocessing: resolved.preprocessing,
      arithmetic: arithmetic, pool: pool, console: console)
    try checkTeacher(teacherModel, of: source, parts)
    if let shard {
      try writePart(
        shard, of: source, classes: classes, seed: options.seed, teacher: teacherModel, stage: stage,
        console: console)
      return
    }
    guard let destination else { preconditionFailure("a shard writes no checkpoint") }
    try schedule.apply(to: &options, samples: source.count)
    let crop = resolved.preprocessing.crop
    let tuner = try ClassifierTuner(options, tail: tail, height: crop, width: crop, pool: pool)
    try tuner.checkLayers(tail.start, images: source.count, available: memoryLimit)
    let steps =
      options.epochs * (options.optimizer == .lbfgs ? 1 : (source.count - 1) / options.batchSize + 1)
    if let warning = training.averagingWarning(options.averaging, steps: steps) { console.warning(warning) }
    let begin = head.apply(to: tail.start, seed: options.seed)
    if cut != nil, begin.parameterCount > source.count * classes {
      console.warning(
        "\(begin.parameterCount) parameters are tuned on \(source.count) images of \(classes) classes, more than one for each image and class: watch --val, and try fewer layers, a smaller --lr or --layer-decay"
      )
    }
    let history = historyOptions(options, resolved, teacherModel, data: source.name)
    let run = try Checkpointing(
      path: training.stateFile,
      options: [("path", .string(samples.data ?? source.name))] + digest(of: parts) + history, tail: tail,
      samples: source.count)
    let state = try run.load(options, like: begin)

    if case .images(let dataset) = source {
      try arithmetic.reportLoss(
        of: loaded, on: dataset, as: resolved.preprocessing, workers: global.threadCount, console: console)
    }
    let train = try TrainingSet(
      source, classes: classes, options: options, teacher: teacherModel, stage: &stage)
    let validation = try validationSource.map { try stage.features(of: $0) }
    let featureTime = start.duration(to: clock.now)
    let initial = try validation.map { try tuner.measure(begin, on: $0) }
    // A new classifier has learned nothing yet that its result could be compared with.
    let before = head.numClasses == nil ? initial : nil
    var records: [EpochRecord] = []
    let progress = console.progress("tuning", total: steps, unit: "steps")
    let tuned = try train.tune(
      tuner, begin, validation: validation, resuming: state,
      onEpoch: { record, state in
        try run.save(state())
        records.append(record)
        console.detail(record.summary)
      }, onStep: { _ in progress.advance() })
    progress.finish()
    let after = try validation.map { try tuner.measure(tuned, on: $0) }
    let trainTime = start.duration(to: clock.now) - featureTime

    let result = TuningReport(
      tool: Self.toolName, model: label, network: loaded.network, tail: tail,
      options: history, images: source.count, records: records, keepsBest: options.patience != nil,
      isResumed: state != nil, start: state == nil ? initial?.metrics : nil,
      before: before, after: after,
      featureTime: featureTime, trainTime: trainTime, movements: tuned.movements(from: begin))
    console.notice(result.summary)
    if let warning = result.warning { console.warning(warning) }
    var metadata = loaded.metadata
    resolved.record(in: &metadata)
    head.record(source.classNames, in: &metadata)
    Provenance(tool: Self.toolName, options: history).record(in: &metadata)
    try rewriteCheckpoint(
      loaded.source, replacing: tail.replacements(for: tuned), metadata: metadata, to: destination,
      options: writing)
    try reports.write(result)
  }

  /// Refuses a teacher that has not seen the images to train on.
  private func checkTeacher(
    _ teacherModel: TeacherModel?, of source: TrainingSource, _ parts: [FeaturePart]
  ) throws {
    switch teacherModel?.outputs {
    case .stored? where caching.reread || caching.augment != .test:
      throw Failure(
        .usage,
        "\(caching.reread ? "--reread" : "--augment \(caching.augment.rawValue)") shows other images than those of the stored logits; give --teacher a checkpoint"
      )
    case .network? where !source.hasImages && parts.isEmpty:
      throw Failure(
        .usage, "a teacher sees images, of which there are only features; give its logits to --teacher")
    default: try sharing.check(parts, teacherModel)
    }
  }

  /// Computes the features of a share of the images.
  private func writePart(
    _ shard: Shard, of source: TrainingSource, classes: Int, seed: UInt64, teacher: TeacherModel?,
    stage: FeatureStage, console: Console
  ) throws {
    guard case .images(let dataset) = source, let path = sharing.features else {
      throw Failure(
        .usage, "\(TensorName(source.name).escaped) holds features: --shard computes those of images")
    }
    let views = caching.augmented(dataset, seed: seed)
    let part = try sharing.part(
      shard, of: views, recipe: sharedRecipe(stage, classes: classes, seed: seed),
      name: lastComponent(samples.data ?? source.name), classes: classes,
      teacher: teacher, stage: stage)
    try stage.write(part, of: views, to: path)
    let count = part.labels.count
    console.notice("shard \(shard): features of \(count) image\(count == 1 ? "" : "s")")
  }

  /// The parts to train on; none where there are images.
  private func mergedParts(_ stage: FeatureStage, classes: Int, seed: UInt64) throws -> [FeaturePart] {
    guard !sharing.merge.isEmpty else { return [] }
    return try sharing.parts(
      sharedRecipe(stage, classes: classes, seed: seed), classes: classes,
      hasTeacher: teacher.teacher != nil, stage: stage)
  }

  /// Properties of features that the processes must agree on, besides those of images and teacher.
  private func sharedRecipe(_ stage: FeatureStage, classes: Int, seed: UInt64) throws -> FeatureRecipe {
    try stage.recipe(seed: seed).adding(
      SharingOptions.properties(classes: classes, images: images, hasTeacher: teacher.teacher != nil))
  }

  /// Identity of the images whose features were merged, for a state.
  private func digest(of parts: [FeaturePart]) -> [(String, JSON)] {
    guard let first = parts.first else { return [] }
    return [("parts", .string(first.recipe.fingerprint.hexadecimal))]
  }

  private func lastComponent(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  /// Settings that the tensors depend on, and no others.
  ///
  /// - Parameter data: name of the images to train on, where no option gives it.
  private func historyOptions(
    _ options: TuningOptions, _ resolved: ResolvedPreprocessing, _ teacherModel: TeacherModel?, data: String
  ) -> [(String, JSON)] {
    func name(_ path: String) -> JSON { .string(lastComponent(path)) }
    var entries: [(String, JSON)] = [("data", samples.data.map(name) ?? .string(data))]
    if let val = samples.val, options.watchesValidation { entries.append(("val", name(val))) }
    entries += images.history() + training.history(options) + schedule.history(options) + loss.history()
    entries += teacher.history(teacherModel) + head.history() + caching.history() + arithmetic.history
    return entries + resolved.preprocessing.history()
  }
}

extension TuningError: AdvisedError {
  package var advice: String? {
    switch self {
    case .featureOverflow: "give --cache-dtype f32 or bf16"
    case .outOfMemory: "a smaller --memory puts them into a scratch file"
    case .activationsExceedMemory: "give a smaller --micro-batch or --batch-size"
    case .noLastBatchNorm, .noLastLayerNorm: "--train fc trains the classifier alone"
    case .batchWithoutVariance: "give a larger --batch-size, or --bn recalibrate or frozen"
    case .diverged: "try a smaller --lr"
    case .foreignState: "remove it or name another --state"
    case .missingParts: "--merge takes the features of all shards"
    default: nil
    }
  }
}

/// The file that a run can be resumed from.
struct Checkpointing {
  private let path: String?
  private let run: String
  private let samples: Int

  /// - Parameters:
  ///   - path: nil to keep nothing.
  ///   - options: everything but the checkpoint that the result depends on.
  init(path: String?, options: [(String, JSON)], tail: TunableTail, samples: Int) throws {
    self.path = path
    self.samples = samples
    let fingerprint = try path == nil ? "" : tail.backboneFingerprint().hexadecimal
    run = "\(fingerprint) \(samples) \(JSON.object(options).encoded())"
  }

  /// The state to go on from; nil when there is none yet.
  func load(_ options: TuningOptions, like start: TailParameters) throws -> TuningState? {
    guard let path, FileManager.default.fileExists(atPath: path) else { return nil }
    let state = try TuningState(openCheckpoint(.path(path)), run: run, like: start)
    if let reason = state.misfit(options, like: start, samples: samples) {
      throw TuningError.foreignState(path: path, reason: reason)
    }
    return state
  }

  func save(_ state: @autoclosure () -> TuningState?) throws {
    guard let path, let state = state() else { return }
    let (tensors, metadata) = state.encoded(run: run)
    try writeCheckpoint(tensors, metadata: metadata, to: .path(path))
  }
}
