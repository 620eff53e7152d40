import ArgumentParser
import BatchNormCalibration
import Checkpoint
import Command
import FoundationEssentials
import ImageData
import NetworkCommand
import NetworkGraphs
import Platform

@main
struct BNFix: NetworkTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-bnfix",
    abstract: "Recompute the BatchNorm running statistics of a checkpoint over a data set.",
    discussion: """
      After averaging, the stored statistics do not match the weights. Images are read in a \
      seeded shuffled order; labels are not needed.
      """,
    version: versionText("ckpt-bnfix", kernels: kernelDescription))

  @OptionGroup(title: "Input and output") var source: ImageOptions
  @OptionGroup(title: "Input and output") var model: ModelOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions
  @OptionGroup(title: "Input and output") var compression: CompressionOptions

  @Option(help: ArgumentHelp("Estimator that combines the batches.", valueName: "estimator"))
  var estimator: Estimator = .pooled

  @Option(help: ArgumentHelp("Weight of the newest batch, with --estimator momentum.", valueName: "m"))
  var momentum = 0.1

  @Option(
    help: ArgumentHelp(
      "Number of images that the stored statistics count as, in addition to the new ones.", valueName: "n"))
  var prior = 0.0

  @OptionGroup var synchronization: SynchronizationOptions

  @Option(
    help: ArgumentHelp(
      "Layers to recalibrate, by name (default: all except frozen ones).", valueName: "regex"))
  var layers: String?

  @Flag(help: "Recalibrate frozen layers too: those without a step counter.")
  var includeFrozen = false

  @Option(help: ArgumentHelp("Images per batch.", valueName: "n"))
  var batchSize = 32

  @Option(help: ArgumentHelp("Maximum number of batches.", valueName: "n"))
  var numBatches: Int?

  @Option(help: ArgumentHelp("Maximum number of images.", valueName: "n"))
  var numImages: Int?

  @Flag(inversion: .prefixedNo, help: "Shuffle the images, so that batches mix the classes.")
  var shuffle = true

  @Option(help: ArgumentHelp("Seed of the image order, --sample and --augment.", valueName: "n"))
  var seed: UInt64 = 0

  @Flag(help: "Only set every running mean to 0 and every variance to 1; needs no images.")
  var resetOnly = false

  @Flag(help: "Report how far the statistics would move, and write nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp("Report: JSON, a page (.html) or a model card (.md).", valueName: "file"),
    completion: .file())
  var report: String?

  @OptionGroup(title: "Data set") var images: DataOptions
  @OptionGroup(title: "Preprocessing") var preprocessing: PreprocessingOptions
  @OptionGroup(title: "Training-time transforms") var transforms: TransformOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Many machines") var cluster: ClusterOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    try requireOneStandardInput([model.model, source.data, gate.gate])
    if gate.gate == nil && images.numbersClasses {
      throw ValidationError("--class-map and --class-order need --gate: nothing else looks at labels")
    }
    try OptionBounds.check([
      "--batch-size": batchSize, "--num-batches": numBatches, "--num-images": numImages,
    ])
    try OptionBounds.check(["--prior": prior], .notNegative)
    if includeFrozen && layers != nil {
      throw ValidationError("--layers takes frozen layers that match anyway: leave out --include-frozen")
    }
    if transforms.augment != .none {
      if let crop = preprocessing.crop, crop.height != crop.width {
        throw ValidationError("--augment train makes squares: pass --crop with one side")
      }
      if images.fullDepth {
        throw ValidationError("--augment train is for images of 8 bits: leave out --full-depth")
      }
    }
    if numBatches != nil && numImages != nil {
      throw ValidationError("--num-batches and --num-images exclude each other")
    }
    if synchronization.sync == .layer {
      if cluster.shard != nil {
        throw ValidationError("--sync layer needs all images in one process, so it cannot go with --shard")
      }
      if estimator != .pooled { throw ValidationError("--sync layer goes with the pooled estimator") }
    }
    guard momentum > 0, momentum <= 1 else {
      throw ValidationError("--momentum takes a number above 0, at most 1")
    }
    if resetOnly && (gate.isGiven || report != nil) {
      throw ValidationError("--reset-only measures nothing: it goes with neither a gate nor --report")
    }
    if cluster.shard != nil && gate.gateEval != nil {
      throw ValidationError("--shard writes no checkpoint that --gate-eval could be given; the merge does")
    }
    guard [source.data != nil, !cluster.merge.isEmpty, resetOnly].count(where: { $0 }) == 1 else {
      throw ValidationError("give the images with --data, the parts of shards with --merge, or --reset-only")
    }
  }

  func execute(_ console: Console) throws {
    let pool = global.makePool()
    let shard = try cluster.shard?.resolve(environment: ProcessInfo.processInfo.environment)
    let destination = try shard != nil || dryRun ? nil : output.destination()
    if destination != nil { _ = try writeOptions() }
    var outputs = PlannedOutputs()
    if destination != nil { outputs.add("-o", output.output) }
    outputs.add("--report", report)
    outputs.add("--stats-out", cluster.statsOut)
    try outputs.check()
    let loaded = try load(pool, console)
    do {
      try run(loaded, shard: shard, to: destination, pool: pool, console: console)
    } catch let error as CalibrationError {
      throw try loaded.diagnosis(of: error)
    }
  }

  private func run(
    _ loaded: LoadedModel, shard: Shard?, to destination: Location?, pool: ThreadPool,
    console: Console
  ) throws {
    if let shard {
      let job = try Measurement(self, model: loaded, pool: pool, console: console)
      try writePart(job, shard: shard, console: console)
      return
    }
    if resetOnly {
      try reset(loaded, to: destination)
    } else if cluster.merge.isEmpty {
      let job = try Measurement(self, model: loaded, pool: pool, console: console)
      let batches = try job.run(shard: nil, console: console)
      try finish(loaded, batches: batches, recipe: job.recipe, to: destination, console: console)
    } else {
      let (batches, recipe) = try mergedParts(loaded)
      try finish(loaded, batches: batches, recipe: recipe, to: destination, console: console)
    }
  }

  /// Options of writing the checkpoint.
  func writeOptions() throws -> WriteOptions {
    try compression.writeOptions(for: output.output, threads: global.threadCount)
  }

  private func load(_ pool: ThreadPool, _ console: Console) throws -> LoadedModel {
    // Statistics need no outputs; a gate on labels needs logits.
    let part = gate.gate == nil ? ImportedPart.batchNorms : .classifier
    let loaded: LoadedModel
    do {
      loaded = try model.load(part: part, pool: pool, compute: .statistics, console: console)
    } catch let error as ONNXImportError {
      guard gate.gate != nil, case .notClassifier = error else { throw error }
      throw Failure(.badData, "\(error); --gate-eval takes a command that scores other networks")
    }
    let absent = loaded.network.description.absentBatchNorms
    if loaded.network.description.isPartial, !loaded.network.batchNorms.isEmpty, let first = absent.first {
      console.notice(
        "\(loaded.source.label): \(counted(absent.count, "BatchNorm layer")) left unchanged, which the ONNX file does not "
          + "compute; the first has the tensor \"\(first.escaped)\"")
    }
    return loaded
  }
}

extension LoadedModel {
  /// The error with the tensor that caused it, where it is one of the checkpoint's: images alone are never
  /// NaN.
  func diagnosis(of error: CalibrationError) throws -> any Error {
    guard case .notFinite = error else { return error }
    for spec in source.tensors where spec.dtype.isFloatingPoint {
      let values = try source.value(spec.name).floats()
      guard let place = values.firstIndex(where: { !$0.isFinite }) else { continue }
      return Failure(
        .badData,
        "\(source.label): tensor \"\(spec.name.escaped)\": NaN or infinity at element \(place); it shows first in \(error)"
      )
    }
    return Failure(.badData, "\(source.label): \(error)")
  }
}

extension PartError: AdvisedError {
  package var advice: String? {
    guard case .missing = self else { return nil }
    return "--merge takes the parts of all shards"
  }
}

extension CalibrationError: AdvisedError {
  package var advice: String? {
    guard case .allFrozen = self else { return nil }
    return "--include-frozen recalibrates them all the same"
  }
}
