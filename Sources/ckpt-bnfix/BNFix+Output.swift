import ArgumentParser
import BatchNormCalibration
import Checkpoint
import CommandSupport
import ConvNet
import Foundation
import ImageData

extension BNFix {
  /// Folds the batches into statistics and writes the checkpoint that carries them.
  func finish(
    _ model: LoadedModel, batches: [BatchMoments], recipe: StatisticsPart.Recipe,
    to destination: OutputDestination?, console: Console
  ) throws {
    var calibration = try Calibration(network: model.network, estimator: estimator, prior: prior)
    for batch in batches { try calibration.add(batch) }
    let replacements = try replacedTensors(calibration, of: model, console: console)
    guard let destination else { return }
    var metadata = model.source.metadata
    for (key, value) in recipe.recorded { metadata[key] = value }
    metadata["ckpt.bn"] = "recalibrated"
    var options: [(String, JSON)] = [("estimator", .string(estimator.rawValue))]
    if prior > 0 { options.append(("prior", JSON(prior))) }
    options += recipe.options.objectValue ?? []
    Provenance(tool: Self.toolName, options: options).record(in: &metadata)
    try rewriteCheckpoint(model.source, replacing: replacements, metadata: metadata, to: destination)
  }

  func writePart(_ job: Measurement, shard: Shard, console: Console) throws {
    let destination = try checkedDestination(cluster.statsOut ?? "-")
    let part = StatisticsPart(
      shard: shard, recipe: job.recipe, batches: try job.run(shard: shard, console: console))
    let (tensors, metadata) = try part.encoded(layers: job.layerNames)
    try writeCheckpoint(tensors, metadata: metadata, to: destination)
  }

  func mergedParts(_ model: LoadedModel) throws -> ([BatchMoments], StatisticsPart.Recipe) {
    let layers = model.network.batchNorms.map { (name: $0.name, channels: $0.channels) }
    let parts = try cluster.merge.map { path in
      (label: path, part: try StatisticsPart(reading: openCheckpoint(.path(path)), layers: layers))
    }
    let batches = try StatisticsPart.merge(parts)
    let recipe = parts[0].part.recipe
    let own = try contentDigest(of: model.source)
    guard recipe.model == own else {
      throw Failure(
        .badData,
        "\(parts[0].label): measured on another checkpoint: expected \(own) of \(model.source.label), found \(recipe.model)"
      )
    }
    return (batches, recipe)
  }

  /// Everything that the moments of a batch depend on beside the checkpoint.
  func measurementOptions(dataset: any ImageDataset, images: Int, preprocessing: Preprocessing) -> JSON {
    var options: [(String, JSON)] = [
      ("data", .string(URL(fileURLWithPath: dataset.name).lastPathComponent)), ("images", JSON(images)),
      ("batch_size", JSON(batchSize)),
      ("shuffle", .bool(shuffle)),
    ]
    if shuffle { options.append(("seed", .number("\(seed)"))) }
    for (key, value) in preprocessing.metadataEntries.sorted(by: { $0.key < $1.key }) {
      options.append((key, .string(value)))
    }
    return .object(options)
  }

  private func replacedTensors(
    _ calibration: Calibration, of model: LoadedModel, console: Console
  ) throws -> [TensorName: TensorValue] {
    let network = model.network
    var replacements: [TensorName: TensorValue] = [:]
    var worst: LayerDrift?
    for (layer, statistics) in try calibration.statistics() {
      let drift = LayerDrift(
        layer: layer.name, old: try network.runningStatistics(of: layer), new: statistics, eps: layer.eps)
      console.detail("\(drift)")
      if drift.meanShift > worst?.meanShift ?? -1 { worst = drift }
      for (key, values) in [
        (layer.runningMeanKey, statistics.mean), (layer.runningVarKey, statistics.variance),
      ] {
        let old = try network.parameter(key)
        replacements[key] = try TensorValue(doubles: values, shape: old.shape, dtype: old.dtype, name: key)
      }
      let counter = layer.numBatchesTrackedKey
      if model.source.spec(counter) != nil {
        replacements[counter] = TensorValue(i64: [Int64(calibration.batchCount)], shape: [])
      }
    }
    if let worst {
      console.notice(
        "\(calibration.layers.count) layers from \(calibration.imageCount) images in \(calibration.batchCount) batches; largest shift: \(worst)"
      )
    }
    return replacements
  }
}

extension Estimator: ExpressibleByArgument {}
extension CalibrationError: DiagnosedError {}
extension PartError: DiagnosedError {}
