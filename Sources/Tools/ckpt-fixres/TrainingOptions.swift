import ArgumentParser
import Checkpoint
import Command
import FineTuning
import NetworkExecution

/// Trained layers, optimizer and length of the training.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Layers to train: fc, fc+bn, fc+norm (the last LayerNorm), last:K (K blocks and all after them), from:PREFIX (from the first tensor of that name or below it on) or bn-affine[:PREFIX] (all BatchNorms and fc) (default: fc+bn; fc if no BatchNorm precedes the pooling).",
      valueName: "layers"))
  var train: TuningOptions.Layers?

  @Option(
    help: ArgumentHelp(
      "Statistics of the last BatchNorm, or of all that are trained with others (default: batch; frozen with fc).",
      valueName: "mode"))
  var bn: TuningOptions.BatchNormMode?

  @Option(
    help: ArgumentHelp(
      "Passes over the data (default: 30; at most 1000 with lbfgs, which ends at the minimum).",
      valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Images per step (default: 64).", valueName: "n"))
  var batchSize: Int?

  @Option(
    help: ArgumentHelp("Optimizer; lbfgs uses all images at once and needs --train fc.", valueName: "name"))
  var optimizer = TuningOptions.OptimizerKind.sgd

  @Option(
    help: ArgumentHelp(
      "Parameters whose steps lamb scales by the trust ratio: all, as in its paper, or those with weight decay, as in timm (default: decayed).",
      valueName: "always|decayed"))
  var lambTrust: TuningOptions.TrustRatio?

  @Option(help: ArgumentHelp("Momentum of SGD.", valueName: "m"))
  var momentum = 0.9

  @Option(
    help: ArgumentHelp(
      "Factor on the learning rate for every block from the classifier to a layer, with last, from and bn-affine.",
      valueName: "x"))
  var layerDecay: Double?

  @Option(
    help: ArgumentHelp(
      "Images of a step in memory at a time, with last, from and bn-affine; gradients are added up (default: all).",
      valueName: "n"))
  var microBatch: Int?

  @Option(
    help: ArgumentHelp(
      "Probability of leaving out the last block's residual branch in training, linearly less for earlier blocks.",
      valueName: "p"))
  var dropPath: Double?

  @Flag(help: "Use Nesterov's momentum.")
  var nesterov = false

  @Option(
    help: ArgumentHelp(
      "Weight decay of the weights of classifier and layers, not of norms and biases.", valueName: "w"))
  var weightDecay = 1e-4

  @Option(help: ArgumentHelp("Maximum norm of the gradient.", valueName: "x"))
  var clipNorm: Double?

  @Option(
    help: ArgumentHelp(
      "Decay of a moving average of the tuned weights, which becomes the result.", valueName: "decay"))
  var ema: Double?

  @Option(help: ArgumentHelp("Steps between updates of the moving average.", valueName: "n"))
  var emaEvery = 1

  @Option(
    help: ArgumentHelp(
      "First epoch of an average of the tuned weights, which becomes the result.", valueName: "epoch"))
  var swaStart: Int?

  @Option(
    help: ArgumentHelp(
      "Number of epochs without a lower validation loss before stopping; keeps the best epoch.",
      valueName: "n"))
  var earlyStop: Int?

  @Option(help: ArgumentHelp("Seed of all random choices.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "State file, saved after every epoch and resumed from if it exists.",
      valueName: "file"),
    completion: .file())
  var state: String?

  /// The former name of `--state`.
  @Option(help: .hidden, completion: .file())
  var resume: String?

  @Flag(
    help:
      "Follow the FixRes authors' procedure: fc alone, BatchNorm in batch mode, their schedule and learning rate."
  )
  var faithful = false

  func validate() throws {
    try validateLayers()
    try OptionBounds.check(["--epochs": epochs, "--batch-size": batchSize], 1...1_000_000)
    try OptionBounds.check(["--ema-every": emaEvery, "--swa-start": swaStart, "--early-stop": earlyStop])
    if ema != nil && swaStart != nil { throw ValidationError("--ema and --swa-start exclude each other") }
    if lambTrust != nil && optimizer != .lamb {
      throw ValidationError("--lamb-trust goes with --optimizer lamb")
    }
    if state != nil && resume != nil {
      throw ValidationError("--resume is the former name of --state; give one of them")
    }
    if stateFile != nil && optimizer == .lbfgs { throw ValidationError("--state does not go with lbfgs") }
    if train == .classifierAndLayerNorm && (bn ?? .frozen) != .frozen {
      throw ValidationError("fc+norm trains a LayerNorm, which has no statistics: it does not go with --bn")
    }
    if faithful && (train ?? .classifier) != .classifier {
      throw ValidationError("--faithful trains fc alone: the published code never trains the BatchNorm")
    }
  }

  /// The file that the run is saved to and resumed from.
  var stateFile: String? { state ?? resume }

  /// Iterations of L-BFGS after which it is given up, unless `--epochs` says otherwise.
  private static let mostIterations = 1000

  /// The options of the method, but for learning rate and loss.
  func makeOptions(network: Network, console: Console) throws -> TuningOptions {
    var options = faithful ? TuningOptions.faithful : TuningOptions()
    let hasBatchNorm = network.classifier?.lastBatchNorm != nil
    if let train { options.layers = train }
    if train == nil && !hasBatchNorm {
      options.layers = .classifier
      let hasLayerNorm = network.classifier?.lastLayerNorm != nil
      console.notice(
        "no BatchNorm directly before the pooling: the classifier alone is trained"
          + (hasLayerNorm ? " (--train fc+norm trains the last LayerNorm with it)" : ""))
    }
    let hasNoStatistics = options.layers.cutPoint != nil && network.batchNorms.isEmpty
    if hasNoStatistics && (bn ?? .frozen) != .frozen {
      throw Failure(.usage, "\(network.architectureName) has no BatchNorm: it does not go with --bn")
    }
    if let bn {
      options.batchNorm = bn
    } else if hasNoStatistics || options.layers == .classifierAndLayerNorm
      || (options.layers == .classifier && !(faithful && hasBatchNorm))
    {
      options.batchNorm = .frozen
    }
    if optimizer == .lbfgs { options.epochs = Self.mostIterations }
    if let epochs { options.epochs = epochs }
    if let batchSize {
      if faithful { options.learningRate *= Double(batchSize) / Double(options.batchSize) }
      options.batchSize = batchSize
    }
    options.optimizer = optimizer
    options.momentum = momentum
    options.nesterov = nesterov
    if let lambTrust { options.trustRatio = lambTrust }
    options.weightDecay = weightDecay
    if let layerDecay { options.layerDecay = layerDecay }
    if let dropPath { options.dropPath = dropPath }
    options.microBatch = microBatch
    options.clipNorm = clipNorm
    if let ema { options.averaging = .ema(decay: ema, every: emaEvery) }
    if let swaStart { options.averaging = .swa(from: swaStart) }
    options.patience = earlyStop
    options.seed = seed
    return options
  }

  /// The options that go with more layers alone.
  private func validateLayers() throws {
    try OptionBounds.check(["--micro-batch": microBatch])
    try OptionBounds.check(["--drop-path": dropPath], .shareBelowOne)
    if let layerDecay, !(layerDecay > 0 && layerDecay <= 1) {
      throw ValidationError("--layer-decay: expected a number above 0, at most 1, found \(layerDecay)")
    }
    if (layerDecay != nil || microBatch != nil || dropPath != nil) && train?.cutPoint == nil {
      throw ValidationError(
        "--layer-decay, --micro-batch and --drop-path go with --train last:K, from:PREFIX or bn-affine")
    }
    if optimizer == .lbfgs && train?.cutPoint != nil {
      throw ValidationError(
        "lbfgs trains the classifier alone, whose loss is convex: --train last, from and bn-affine need sgd, adam, adamw or lamb"
      )
    }
  }

  func history(_ options: TuningOptions) -> [(String, JSON)] {
    var entries: [(String, JSON)] = [
      ("train", .string(options.layers.rawValue)), ("bn", .string(options.batchNorm.rawValue)),
      ("epochs", JSON(options.epochs)), ("batch_size", JSON(options.batchSize)),
      ("optimizer", .string(options.optimizer.rawValue)), ("momentum", JSON(options.momentum)),
      ("weight_decay", JSON(options.weightDecay)), ("seed", .number("\(options.seed)")),
    ]
    if let layerDecay { entries.append(("layer_decay", JSON(layerDecay))) }
    if let microBatch { entries.append(("micro_batch", JSON(microBatch))) }
    if let dropPath { entries.append(("drop_path", JSON(dropPath))) }
    if nesterov { entries.append(("nesterov", .bool(true))) }
    if faithful { entries.append(("faithful", .bool(true))) }
    if options.optimizer == .lamb { entries.append(("lamb_trust", .string(options.trustRatio.rawValue))) }
    if let clipNorm { entries.append(("clip_norm", JSON(clipNorm))) }
    if let ema { entries += [("ema", JSON(ema)), ("ema_every", JSON(emaEvery))] }
    if let swaStart { entries.append(("swa_start", JSON(swaStart))) }
    if let earlyStop { entries.append(("early_stop", JSON(earlyStop))) }
    return entries
  }
}

extension TuningOptions.Layers: ExpressibleByArgument {}
extension TuningOptions.BatchNormMode: ExpressibleByArgument {}
extension TuningOptions.OptimizerKind: ExpressibleByArgument {}
extension TuningOptions.TrustRatio: ExpressibleByArgument {}

extension TrainingOptions {
  /// A moving average that hardly moves from the start, or hardly looks back from the newest weights: usually a decay
  /// that was meant for another number of steps.
  ///
  /// - Parameter steps: number of steps of the whole run.
  func averagingWarning(_ averaging: WeightAveraging, steps: Int) -> String? {
    guard case .ema(let decay, let every) = averaging else { return nil }
    func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
    let initial = averaging.initialShare(steps: steps)
    if initial > 0.5 {
      return
        "the moving average hardly moves: after \(steps / every) updates with decay \(decay) the checkpoint's own weights still have \(percent(initial)) of it; a smaller --ema or more --epochs would follow the training"
    }
    guard let newest = averaging.newestShare, newest > 0.9 else { return nil }
    return "the moving average hardly looks back: the newest weights have \(percent(newest)) of it"
  }
}

/// A new classifier, for transfer to other classes.
struct HeadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Number of classes of a new classifier.", valueName: "k"))
  var numClasses: Int?

  @Option(help: ArgumentHelp("Initialization of the new classifier.", valueName: "name"))
  var headInit = HeadInitialisation.kaiming

  func validate() throws {
    try OptionBounds.check(["--num-classes": numClasses], 1...1_000_000)
  }

  /// `start` with its classifier, or the new one.
  func apply(to start: TailParameters, seed: UInt64) -> TailParameters {
    numClasses.map { start.withNewHead(classes: $0, headInit, seed: seed) } ?? start
  }

  func history() -> [(String, JSON)] {
    numClasses.map { [("num_classes", JSON($0)), ("head_init", .string(headInit.rawValue))] } ?? []
  }

  /// Records the names of the new classes, in the order of the outputs, in place of the old ones.
  func record(_ names: [String]?, in metadata: inout Metadata) {
    guard numClasses != nil else { return }
    metadata[MetadataKey.classes] = names.map { JSON.array($0.map { .string($0) }).encoded() }
  }
}

extension HeadInitialisation: ExpressibleByArgument {}
