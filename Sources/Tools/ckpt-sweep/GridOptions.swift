import ArgumentParser
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import Platform
import ResolutionSweep

/// Options of the grid of preprocessings that are measured.
struct GridOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Shorter side after resizing: 256, 224,256 or 224:256:8.", valueName: "sizes"))
  var resize: SizeList?

  @Option(help: ArgumentHelp("Side of the center crop, in the same forms.", valueName: "sizes"))
  var crop: SizeList?

  @Option(
    name: [.long, .customLong("crop-pct")],
    help: ArgumentHelp(
      "Fraction of the resized side that a crop keeps, such as 0.875; an alternative to --resize.",
      valueName: "r,r"))
  var ratio: RatioList?

  @Option(
    help: ArgumentHelp(
      "Resize filters, one or more of \(Interpolation.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "i,i"),
    completion: .list(Interpolation.allCases.map(\.rawValue)))
  var interpolation: InterpolationList?

  @Option(
    help: ArgumentHelp(
      "Side that --resize sets: shorter-side, or timm's squash and border.", valueName: "m,m"),
    completion: .list(ResizeMode.allCases.map(\.rawValue)))
  var resizeMode: ResizeModeList?

  @Option(
    help: ArgumentHelp(
      "Crops whose logits are averaged: center, flip, five, ten (default: center).", valueName: "v,v"),
    completion: .list(CropViews.allCases.map(\.rawValue)))
  var views: ViewsList?

  @Option(
    help: ArgumentHelp(
      "Pooling of the last map: average, or timm's test-time pooling for images larger than in training, test-time:K with windows of K (default: average).",
      valueName: "p,p"))
  var pooling: PoolingList?

  @OptionGroup var normalisation: NormalisationOptions

  @Flag(help: "Measure only the recorded preprocessing of the checkpoint.")
  var asRecorded = false

  func validate() throws {
    if resize != nil && ratio != nil { throw ValidationError("--resize and --ratio exclude each other") }
    if asRecorded
      && (hasSizes || interpolation != nil || resizeMode != nil)
    {
      throw ValidationError("--as-recorded takes no sizes, ratios, resize modes or interpolations")
    }
  }

  /// Settings that one run measures at most: their outcomes for every image are kept.
  static let mostSettings = 100_000

  private var hasSizes: Bool { resize != nil || crop != nil || ratio != nil }

  /// True if some setting pools windows of the last map.
  var usesTestTimePooling: Bool { pooling?.choices.contains { $0 != .average } ?? false }

  /// True if any of these options was given.
  var isGiven: Bool {
    hasSizes || asRecorded || interpolation != nil || resizeMode != nil || views != nil || pooling != nil
      || normalisation.isGiven
  }

  /// Every setting to measure of a checkpoint, or of an ensemble, by the networks that it uses.
  ///
  /// - Parameters:
  ///   - model: whose metadata and network the settings are made for.
  ///   - batchNorms: which statistics are measured.
  ///   - models: how many such lists of settings are measured.
  /// - Throws: A usage error for more than `mostSettings`, and errors of metadata.
  func settings(
    for model: LoadedModel, networks: [Int], batchNorms: [NormalizationSource], models: Int, console: Console
  ) throws -> [Setting] {
    let all = try preprocessings(
      for: model,
      times: models * batchNorms.count * (views?.values.count ?? 1) * (pooling?.choices.count ?? 1),
      console: console)
    let poolings = try (pooling?.choices ?? [.average]).map { try $0.resolved(for: model) }
    var settings: [Setting] = []
    var seen: Set<Setting> = []
    for views in views?.values ?? [.center] {
      for pooling in poolings {
        for batchNorm in batchNorms {
          for var one in all {
            // timm's test-time pooling takes the whole resized image unless told otherwise.
            if pooling != .average && resize == nil && ratio == nil && !asRecorded { one.resize = one.crop }
            let setting = Setting(
              networks: networks, preprocessing: one, views: views, pooling: pooling, batchNorm: batchNorm)
            if seen.insert(setting).inserted { settings.append(setting) }
          }
        }
      }
    }
    return settings
  }

  private func preprocessings(
    for model: LoadedModel, times count: Int, console: Console
  ) throws -> [Preprocessing] {
    let (metadata, label) = (model.metadata, model.source.label)
    let defaults = model.defaults
    let known = try Preprocessing(metadata: { metadata[$0] }, source: label, defaults: defaults)
    var base = known ?? defaults
    try normalisation.apply(to: &base)
    let modes = resizeMode?.values ?? [base.mode]
    guard !modes.contains(.letterbox) else {
      throw Failure(
        .usage,
        "\(label): in the mode letterbox there is one size to measure alone: pass another --resize-mode")
    }
    guard crop != nil || base.cropSize.isSquare else {
      throw Failure(
        .usage, "\(label): records a crop of \(base.cropSize) pixels; the sweep takes squares: pass --crop")
    }
    _ = model.notesScaledInput(metadata, normalisation, console: console)
    if known == nil {
      console.notice("no preprocessing in \(label): missing settings default to \(base.summary)")
    }
    if let error = base.recordedSizeError(of: label, isCropGiven: crop != nil, isResizeGiven: !asRecorded) {
      throw error
    }
    if asRecorded { return [base] }
    let grid = SweepGrid(
      base: base, resizes: resize?.sizes, crops: crop?.sizes, ratios: ratio?.values,
      interpolations: interpolation?.values, modes: resizeMode?.values)
    let total = grid.combinationCount?.multiplied(exactlyBy: count)
    guard let total, total <= Self.mostSettings else {
      throw Failure(
        .usage,
        "these options make \(total.map(String.init) ?? "more than 2^63") settings, at most \(Self.mostSettings) are measured in one run; give ranges a larger step, as in 224:512:16"
      )
    }
    let all = grid.preprocessings
    for one in all {
      if let error = one.recordedSizeError(
        of: label, isCropGiven: true, isResizeGiven: resize != nil || ratio != nil)
      {
        throw error
      }
    }
    let padded = all.count { $0.resize < $0.crop }
    if padded > 0 {
      console.notice(
        "\(padded) of \(all.count) settings have a crop larger than the resize; the border is black, as in torchvision"
      )
    }
    return all
  }
}

/// Shares above 0 and up to 1, separated by commas.
struct RatioList: ExpressibleByArgument {
  let values: [Double]

  init?(argument: String) {
    let values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard values.allSatisfy({ $0.map(PreprocessingOptions.ratios.contains) ?? false }) else { return nil }
    self.values = values.map { $0! }
  }
}

/// Names separated by commas.
struct NameList<Value: RawRepresentable<String> & Sendable>: ExpressibleByArgument, Sendable {
  let values: [Value]

  init?(argument: String) {
    let values = argument.split(separator: ",", omittingEmptySubsequences: false).map {
      Value(rawValue: String($0))
    }
    guard values.allSatisfy({ $0 != nil }) else { return nil }
    self.values = values.map { $0! }
  }
}

typealias InterpolationList = NameList<Interpolation>
typealias ResizeModeList = NameList<ResizeMode>
typealias ViewsList = NameList<CropViews>

/// Poolings as the command line names them, separated by commas.
struct PoolingList: ExpressibleByArgument {
  enum Choice: Equatable {
    case average
    /// Nil is the size that the last map had in training.
    case testTime(window: Int?)
  }

  let choices: [Choice]

  init?(argument: String) {
    var choices: [Choice] = []
    for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
      switch name {
      case "average": choices.append(.average)
      case "test-time": choices.append(.testTime(window: nil))
      default:
        guard let window = String(name).dropping(prefix: "test-time:").flatMap({ Int($0) }),
          (1...16384).contains(window)
        else { return nil }
        choices.append(.testTime(window: window))
      }
    }
    self.choices = choices
  }
}

extension PoolingList.Choice {
  /// The side of the last map of an ImageNet network at 224 pixels, and timm's `pool_size` for most.
  private static let usualWindow = 7

  /// The pooling for a model, whose metadata may record the size of the images that it was trained on.
  func resolved(for model: LoadedModel) throws -> ViewPooling {
    guard case .testTime(let given) = self else { return .average }
    if let given { return .testTime(window: given) }
    guard let size = trainSize(of: model.source) else { return .testTime(window: Self.usualWindow) }
    guard let map = try model.network.pooledMapSize(height: size, width: size) else {
      throw EvaluationError.noPooling(architecture: model.network.architectureName)
    }
    return .testTime(window: map.height)
  }
}
