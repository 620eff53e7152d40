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
    var calibration = try Calibration(
      network: model.network, layers: selectedLayers(of: model.network, matching: layers),
      estimator: estimator,
      prior: prior)
    for batch in batches { try calibration.add(batch) }
    let statistics = try calibration.statistics()
    let drifts = try statistics.map {
      LayerDrift(layer: $0.name, old: try model.network.runningStatistics(of: $0), new: $1, eps: $0.eps)
    }
    for drift in drifts { console.detail("\(drift)") }
    if let worst = drifts.max(by: { $0.meanShift < $1.meanShift }) {
      console.notice(
        "\(drifts.count) layers from \(calibration.imageCount) images in \(calibration.batchCount) batches; largest shift: \(worst)"
      )
    }
    let replacements = try tensors(statistics, batchCount: calibration.batchCount, of: model)
    let verdict = try gate.gate.map {
      try GateResult(
        $0, model: model, statistics: statistics, images: images, seed: seed,
        preprocessing: gatePreprocessing(model, recipe, console), pool: global.makePool(), console: console)
    }
    if let verdict { console.notice("\(verdict)") }
    if let report {
      let json = reportJSON(model, calibration: calibration, drifts: drifts, recipe: recipe, gate: verdict)
      try writeFile(Data((json.encoded() + "\n").utf8), to: report)
    }
    if let verdict, let required = gate.require, !verdict.satisfies(required) {
      throw Failure(.negativeVerdict, "not \(required.rawValue), nothing written: \(verdict)")
    }
    guard let destination else { return }
    var metadata = model.metadata
    for (key, value) in recipe.recorded { metadata[key] = value }
    metadata["ckpt.bn"] = "recalibrated"
    var options: [(String, JSON)] = [("estimator", .string(estimator.rawValue))]
    if prior > 0 { options.append(("prior", JSON(prior))) }
    options += recipe.options.objectValue ?? []
    Provenance(tool: Self.toolName, options: options).record(in: &metadata)
    try rewriteCheckpoint(
      model.source, replacing: replacements, metadata: metadata, to: destination,
      options: compression.writeOptions(threads: global.threadCount))
  }

  func writePart(_ job: Measurement, shard: Shard, console: Console) throws {
    let destination = try checkedDestination(cluster.statsOut ?? "-")
    let part = StatisticsPart(
      shard: shard, recipe: job.recipe, batches: try job.run(shard: shard, console: console))
    let (tensors, metadata) = try part.encoded(layers: job.layers.map(\.name))
    try writeCheckpoint(tensors, metadata: metadata, to: destination)
  }

  func mergedParts(_ model: LoadedModel) throws -> ([BatchMoments], StatisticsPart.Recipe) {
    let layers = try selectedLayers(of: model.network, matching: layers).map {
      (name: $0.name, channels: $0.channels)
    }
    let parts = try cluster.merge.map { path in
      (
        label: path,
        part: try StatisticsPart(
          reading: openCheckpoint(.path(path), options: model.openOptions), layers: layers)
      )
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
    if let layers { options.append(("layers", .string(layers))) }
    if synchronization.sync == .layer { options.append(("sync", .string("layer"))) }
    let usesSeed = shuffle || self.images.sample != nil || transforms.augment != .none
    if usesSeed { options.append(("seed", .number("\(seed)"))) }
    options += self.images.history() + transforms.history()
    for (key, value) in preprocessing.metadataEntries.sorted(by: { $0.key < $1.key }) {
      options.append((key, .string(value)))
    }
    return .object(options)
  }

  /// Sets every layer as a new BatchNorm module has it.
  func reset(_ model: LoadedModel, to destination: OutputDestination?) throws {
    let statistics = try selectedLayers(of: model.network, matching: layers).map { layer in
      let zeros = [Double](repeating: 0, count: layer.channels)
      return (layer: layer, statistics: RunningStatistics(mean: zeros, variance: zeros.map { _ in 1 }))
    }
    guard let destination else { return }
    var metadata = model.metadata
    metadata["ckpt.bn"] = "stale"
    Provenance(tool: Self.toolName, options: [("reset_only", .bool(true))]).record(in: &metadata)
    try rewriteCheckpoint(
      model.source, replacing: tensors(statistics, batchCount: 0, of: model), metadata: metadata,
      to: destination)
  }

  private func tensors(
    _ statistics: [(layer: BatchNormLayer, statistics: RunningStatistics)], batchCount: Int,
    of model: LoadedModel
  ) throws -> [TensorName: TensorValue] {
    var replacements: [TensorName: TensorValue] = [:]
    for (layer, new) in statistics {
      for (key, values) in [(layer.runningMeanKey, new.mean), (layer.runningVarKey, new.variance)] {
        let old = try model.network.parameter(key)
        replacements[key] = try TensorValue(doubles: values, shape: old.shape, dtype: old.dtype, name: key)
      }
      let counter = layer.numBatchesTrackedKey
      if model.source.spec(counter) != nil {
        replacements[counter] = TensorValue(i64: [Int64(batchCount)], shape: [])
      }
    }
    return replacements
  }

  /// The gate looks through the eyes of whoever uses the result: the metadata that it will carry, if any.
  private func gatePreprocessing(
    _ model: LoadedModel, _ recipe: StatisticsPart.Recipe, _ console: Console
  ) throws -> Preprocessing {
    var metadata = model.metadata
    for (key, value) in recipe.recorded { metadata[key] = value }
    return try preprocessing.resolve(metadata, label: model.source.label, console: console).preprocessing
  }

  private func reportJSON(
    _ model: LoadedModel, calibration: Calibration, drifts: [LayerDrift], recipe: StatisticsPart.Recipe,
    gate: GateResult?
  ) -> JSON {
    let layers = drifts.map { drift in
      JSON.object([
        ("name", .string(drift.layer)), ("mean_shift", JSON(drift.meanShift)),
        ("log_variance_ratio", JSON(drift.logVarianceRatio)),
        ("constant_channels", JSON(drift.constantChannels)),
      ])
    }
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("tool", .string(Self.toolName)), ("version", .string(toolsVersion)),
      ("model", .string(model.source.label)), ("architecture", .string(model.network.architectureName)),
      ("estimator", .string(estimator.rawValue)), ("prior", JSON(prior)), ("options", recipe.options),
      ("images", JSON(calibration.imageCount)), ("batches", JSON(calibration.batchCount)),
      ("layers", .array(layers)),
    ]
    if let gate { members.append(("gate", gate.json)) }
    return .object(members)
  }
}

extension Estimator: ExpressibleByArgument {}
extension CalibrationError: DiagnosedError {}
extension PartError: DiagnosedError {}
