import ArgumentParser
import BatchNormCalibration
import Checkpoint
import CommandSupport
import ConvNet
import ImageData
import TensorMath

@main
struct BNFix: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-bnfix",
    abstract: "Recompute the BatchNorm running statistics of a checkpoint over a data set.",
    discussion: """
      After averaging checkpoints the stored statistics belong to none of the weights. Images are read in a \
      seeded shuffled order; labels are not needed.
      """,
    version: versionText("ckpt-bnfix"))

  @OptionGroup(title: "Input and output") var model: ModelOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions

  @Option(name: .long, help: ArgumentHelp("Images to use.", valueName: "dataset"), completion: .directory)
  var data: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How batches combine: \(Estimator.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "estimator"))
  var estimator: Estimator = .pooled

  @Option(name: .long, help: ArgumentHelp("Images per batch.", valueName: "n"))
  var batchSize = 32

  @Option(name: .long, help: ArgumentHelp("Stop after this many batches.", valueName: "n"))
  var numBatches: Int?

  @Option(name: .long, help: ArgumentHelp("Stop after this many images.", valueName: "n"))
  var numImages: Int?

  @Flag(name: .long, inversion: .prefixedNo, help: "Shuffle the images, so that batches mix the classes.")
  var shuffle = true

  @Option(name: .long, help: ArgumentHelp("Seed of the shuffled order.", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup(title: "Preprocessing") var preprocessing: PreprocessingOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    guard batchSize >= 1 else { throw ValidationError("--batch-size takes a number from 1") }
    guard numBatches ?? 1 >= 1, numImages ?? 1 >= 1 else {
      throw ValidationError("--num-batches and --num-images take a number from 1")
    }
    if numBatches != nil && numImages != nil {
      throw ValidationError("--num-batches and --num-images exclude each other")
    }
  }

  func execute(_ console: Console) throws {
    let destination = try output.destination()
    let pool = global.makePool()
    let loaded = try model.load(pool: pool, console: console)
    let dataset = try openDataset(data)
    let resolved = try preprocessing.resolve(
      loaded.source.metadata, label: loaded.source.label, console: console)
    let order = try imageOrder(count: dataset.count)

    var calibration = try Calibration(network: loaded.network, estimator: estimator)
    let loader = BatchLoader(
      dataset, indices: order, batchSize: batchSize, views: [resolved.preprocessing],
      workers: global.threadCount)
    let progress = console.progress("recalibrating", total: order.count, unit: "images")
    while let batch = try loader.next() {
      let moments = try BatchMoments(
        of: batch.views[0], through: loaded.network, batch: calibration.batchCount)
      try calibration.add(moments)
      progress.advance(by: batch.indices.count)
    }
    progress.finish()

    let replacements = try replacedTensors(calibration, of: loaded.network, console: console)
    var metadata = loaded.source.metadata
    resolved.record(in: &metadata)
    metadata["ckpt.bn"] = "recalibrated"
    provenance(dataset: dataset, images: order.count, preprocessing: resolved.preprocessing).record(
      in: &metadata)
    try rewriteCheckpoint(loaded.source, replacing: replacements, metadata: metadata, to: destination)
  }

  private func imageOrder(count: Int) throws -> [Int] {
    var order = Array(0..<count)
    if shuffle {
      var generator = SeededGenerator(seed: seed)
      order = generator.permutation(count)
    }
    guard
      let wanted = numImages
        ?? numBatches.map({ $0.multipliedReportingOverflow(by: batchSize) }).map({
          $0.overflow ? Int.max : $0.partialValue
        })
    else { return order }
    guard wanted <= count else {
      throw Failure(
        .badData, "\(data): \(wanted) images asked for, \(count) there; ask for fewer or give more data")
    }
    return Array(order.prefix(wanted))
  }

  private func replacedTensors(
    _ calibration: Calibration, of network: Network, console: Console
  ) throws -> [TensorName: TensorValue] {
    var replacements: [TensorName: TensorValue] = [:]
    var worst: LayerDrift?
    for (layer, statistics) in try calibration.statistics() {
      let old = RunningStatistics(
        mean: try network.parameter(layer.runningMeanKey).doubles(),
        variance: try network.parameter(layer.runningVarKey).doubles())
      let drift = LayerDrift(layer: layer.name, old: old, new: statistics, eps: Double(layer.eps))
      console.detail(
        "\(layer.name): mean moved \(rounded(drift.meanShift)) σ, ln variance \(rounded(drift.logVarianceRatio)), \(drift.constantChannels) constant channels"
      )
      if drift.meanShift > worst?.meanShift ?? -1 { worst = drift }
      replacements[layer.runningMeanKey] = try replacement(
        for: layer.runningMeanKey, values: statistics.mean, in: network)
      replacements[layer.runningVarKey] = try replacement(
        for: layer.runningVarKey, values: statistics.variance, in: network)
      if let key = layer.numBatchesTrackedKey {
        replacements[key] = TensorValue(i64: [Int64(calibration.batchCount)], shape: [])
      }
    }
    if let worst {
      console.notice(
        "\(calibration.layers.count) layers from \(calibration.imageCount) images in \(calibration.batchCount) batches; largest shift \(rounded(worst.meanShift)) σ in \(worst.layer)"
      )
    }
    return replacements
  }
}
