import ArgumentParser
import BatchNormCalibration
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import NetworkExecution
import Platform
import ResolutionSweep
import Statistics

/// BatchNorm statistics recomputed for every size.
struct CalibrationOptions: ParsableArguments {
  @Option(
    name: .customLong("bnfix"),
    help: ArgumentHelp(
      "Images for BatchNorm statistics that are recomputed for every setting, as in ckpt-bnfix; each setting is also measured with them.",
      valueName: "dataset"),
    completion: .directory)
  var data: String?

  @Option(
    name: .customLong("bnfix-images"),
    help: ArgumentHelp("Maximum number of images per set of statistics.", valueName: "n"))
  var imageCount = 1024

  @Option(
    name: .customLong("bn"),
    help: ArgumentHelp(
      "BatchNorm statistics to measure with: stored, recalibrated (default: stored, or both with --bnfix).",
      valueName: "s,s"))
  var sources: NameList<NormalizationSource>?

  func validate() throws {
    try OptionBounds.check(["--bnfix-images": imageCount])
    if sources?.values.contains(.recalibrated) == true && data == nil {
      throw ValidationError("--bn recalibrated needs images; give --bnfix")
    }
    if data != nil && sources?.values.contains(.recalibrated) == false {
      throw ValidationError("--bnfix has no effect unless --bn includes recalibrated")
    }
  }

  /// The statistics to measure with.
  var measured: [NormalizationSource] {
    sources?.values ?? (data == nil ? [.stored] : NormalizationSource.allCases)
  }

  /// The images that statistics are made of, in their order: those that ckpt-bnfix takes with the same seed.
  func images(of dataset: any ImageDataset, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed, for: "image order")
    return Array(generator.permutation(dataset.count).prefix(imageCount))
  }
}

extension SweepPart.CalibrationRecipe {
  /// Settings for provenance and report.
  var json: JSON {
    .object([
      ("data", .string(lastComponents(dataset))), ("images", JSON(imageCount)),
      ("batch_size", JSON(Recalibrator.batchSize)),
      ("estimator", .string("pooled")), ("seed", .number("\(seed)")),
    ])
  }
}

/// Makes BatchNorm statistics for every preprocessing that is measured with recalibrated ones.
///
/// Its statistics equal those of `ckpt-bnfix --resize --crop --interpolation --num-images --seed`, pooled,
/// whose batches and arithmetic it shares.
struct Recalibrator {
  /// That of ckpt-bnfix: statistics depend on it, because every batch normalizes with its own.
  static let batchSize = 32

  let models: [LoadedModel]
  let dataset: any ImageDataset
  /// The images in use, in order.
  let images: [Int]
  let workers: Int
  let console: Console

  /// The preprocessings under which settings need statistics of a network, in the order of the settings.
  static func views(_ settings: [Setting], of network: Int) -> [Preprocessing] {
    settings.filter { $0.batchNorm == .recalibrated && $0.networks.contains(network) }
      .map(\.preprocessing).unique
  }

  /// The statistics that settings need.
  ///
  /// - Parameter known: statistics that an earlier run has made, which need not be made again.
  /// - Returns: by network, then in the order of the settings; of `known` only those that are needed.
  func run(_ settings: [Setting], known: [Recalibration] = []) throws -> [Recalibration] {
    var all = known
    let needed = models.indices.map { Self.views(settings, of: $0) }
    let views = needed.enumerated().map { network, views in
      views.filter { view in !known.contains { $0.network == network && $0.preprocessing == view } }
    }
    let progress = console.progress(
      "recalibrating", total: images.count * views.reduce(0) { $0 + $1.count }, unit: "images")
    defer { progress.finish() }
    for (index, model) in models.enumerated() where !views[index].isEmpty {
      // A network of its own: the rounding of large tiles grows through normalized layers.
      let network = try model.network(.statistics)
      for group in BatchLoader.groups(of: views[index], batchSize: Self.batchSize) {
        for view in group {
          try network.checkMemory(
            view, images: min(images.count, Self.batchSize), batches: 1, normalizesByBatch: true)
        }
        let loader = BatchLoader(
          dataset, indices: images, batchSize: Self.batchSize, views: group, workers: workers, prefetch: 1)
        let calibrations = try recalibrate(network, loader) { progress.advance(by: $0) }
        for (view, calibration) in zip(group, calibrations) {
          all.append(
            try Recalibration(
              network: index, preprocessing: view, batchCount: calibration.batchCount,
              statistics: model.network.rounded(calibration, in: model.source)))
        }
      }
    }
    return needed.enumerated().flatMap { network, views in
      views.compactMap { view in all.first { $0.network == network && $0.preprocessing == view } }
    }
  }
}

extension LoadedModel {
  /// The tensors to write for statistics that were measured with.
  func tensors(of recalibration: Recalibration) throws -> [TensorName: TensorValue] {
    let statistics = Dictionary(uniqueKeysWithValues: zip(network.batchNorms, recalibration.statistics))
    return try network.stored(
      network.trainedBatchNorms.map { ($0, statistics[$0]!) }, batchCount: recalibration.batchCount,
      in: source)
  }
}
