import ArgumentParser
import BatchNormCalibration
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import NetworkExecution
import NetworkGraphs
import Platform
import Statistics

/// A check on labeled images that the new statistics do what they are for.
struct GateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Labeled images on which to measure top-1 before and after.", valueName: "dataset"),
    completion: .directory)
  var gate: String?

  @Option(
    help: ArgumentHelp(
      "Shell command that receives a checkpoint path as $1 and prints a score, or several of repetitions; run before and "
        + "after.", valueName: "command"))
  var gateEval: String?

  @Option(
    help: ArgumentHelp(
      "Best score of --gate-eval: the highest (default) or the lowest.", valueName: "max|min"))
  var gateMode: ScoreMode?

  @Option(help: ArgumentHelp("Crops whose logits the gate averages.", valueName: "views"))
  var gateViews = CropViews.center

  @Option(
    help: ArgumentHelp(
      "Verdict that --gate or --gate-eval must reach; otherwise nothing is written and the exit status is 1.",
      valueName: "verdict"))
  var require: GateRequirement?

  @Option(
    help: ArgumentHelp(
      "Margin of --require, as a fraction of 1: the 95 % interval must exclude a loss of this size (not-worse) or a smaller gain (better).",
      valueName: "f"))
  var margin: Double?

  enum GateRequirement: String, ExpressibleByArgument, CaseIterable {
    case better
    case notWorse = "not-worse"
  }

  enum ScoreMode: String, ExpressibleByArgument, CaseIterable { case max, min }

  /// True if results are measured before and after.
  var isGiven: Bool { gate != nil || gateEval != nil }

  func validate() throws {
    try OptionBounds.check(["--margin": margin], .share)
    if gate != nil && gateEval != nil {
      throw ValidationError("--gate and --gate-eval exclude each other: one of them decides")
    }
    if gateEval?.isEmpty == true { throw ValidationError("--gate-eval takes a command") }
    if gateMode != nil && gateEval == nil { throw ValidationError("--gate-mode needs --gate-eval") }
    if margin != nil && require == nil { throw ValidationError("--margin needs --require") }
    if require != nil && !isGiven { throw ValidationError("--require needs --gate or --gate-eval") }
    if margin != nil && gate == nil {
      throw ValidationError("--margin needs --gate: the score of a command is no share of images")
    }
    if gateViews != .center && gate == nil { throw ValidationError("--gate-views needs --gate") }
  }
}

/// Top-1 on the same images before and after.
struct GateResult {
  let dataset: String
  let views: CropViews
  let before: Proportion
  let after: Proportion
  let comparison: PairedComparison

  /// Measures the network with the stored and with the new statistics, each image decoded once.
  init(
    _ path: String, model: LoadedModel, calibration: Calibration,
    images: DataOptions, seed: UInt64, preprocessing: Preprocessing, cropViews: CropViews, pool: ThreadPool,
    console: Console
  ) throws {
    let data = try images.labelled(
      images.openReadable(
        path, part: .all, seed: seed, views: [preprocessing], isReadAgain: true, pool: pool, console: console),
      by: model.classNames(console: console), for: model, console: console)
    dataset = data.name
    views = cropViews
    let progress = console.progress("gate", total: 2 * data.count, unit: "images")
    defer { progress.finish() }
    let evaluator = try Evaluator(
      networks: [model.network],
      settings: NormalizationSource.allCases.map {
        Setting(preprocessing: preprocessing, views: cropViews, batchNorm: $0)
      }, dataset: data,
      recalibrations: [
        Recalibration(
          network: 0, preprocessing: preprocessing, batchCount: calibration.batchCount,
          statistics: try calibration.networkStatistics())
      ])
    try evaluator.run(workers: pool.threadCount, onBatch: { progress.advance(by: $0) })
    let (first, second) = (
      evaluator.measurements.outcomes[0].correct(), evaluator.measurements.outcomes[1].correct()
    )
    before = Proportion(successes: first.count(where: { $0 }), count: first.count)
    after = Proportion(successes: second.count(where: { $0 }), count: second.count)
    comparison = PairedComparison(second, first)
  }

  func satisfies(_ verdict: GateOptions.GateRequirement, margin: Double?) -> Bool {
    switch verdict {
    case .better: comparison.isBetter(margin: margin)
    case .notWorse: comparison.isNotWorse(margin: margin)
    }
  }

  /// The loss that a gate without margin lets pass, where these images leave room for one.
  var unnoticedLoss: String? {
    let bound = comparison.interval.lowerBound
    guard bound < 0 else { return nil }
    return String(
      format:
        "\(before.count) images do not exclude a loss of %.2f points; --margin sets what --require not-worse may let pass",
      -100 * bound)
  }

  var json: JSON {
    .object([
      ("data", .string(dataset)), ("views", .string(views.rawValue)), ("n", JSON(before.count)),
      ("top1_before", JSON(before.value)),
      ("top1_after", JSON(after.value)), ("difference", JSON(comparison.difference)),
      ("standard_error", JSON(comparison.standardError)),
      (
        "interval", .array([JSON(comparison.interval.lowerBound), JSON(comparison.interval.upperBound)])
      ), ("mid_p", JSON(comparison.mcNemarMidP)),
    ])
  }
}

extension GateResult: CustomStringConvertible {
  var description: String {
    "\(dataset): "
      + String(
        format:
          "top-1 %.2f %% before, %.2f %% after: %+.2f points (95 %% interval %+.2f to %+.2f) on %d images, mid-p %.4f",
        100 * before.value, 100 * after.value, 100 * comparison.difference,
        100 * comparison.interval.lowerBound, 100 * comparison.interval.upperBound, before.count,
        comparison.mcNemarMidP)
  }
}

extension CropViews: ExpressibleByArgument {}
