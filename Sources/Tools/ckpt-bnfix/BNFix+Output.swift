import ArgumentParser
import BatchNormCalibration
import Checkpoint
import Command
import FoundationEssentials
import ImageData
import NetworkCommand
import NetworkExecution
import Platform

extension BNFix {
  /// Folds the batches into statistics and writes the checkpoint that carries them.
  func finish(
    _ model: LoadedModel, batches: [BatchMoments], recipe: StatisticsPart.Recipe,
    to destination: Location?, console: Console
  ) throws {
    var calibration = try Calibration(
      network: model.network,
      layers: selectedLayers(of: model, matching: layers, includingFrozen: includeFrozen),
      estimator: estimator,
      prior: prior, momentum: momentum)
    for batch in batches { try calibration.add(batch) }
    let statistics = try calibration.statistics()
    let drifts = try statistics.map {
      LayerDrift(
        layer: $0.name, old: model.network.runningStatistics[model.network.batchNorms.firstIndex(of: $0)!],
        new: $1,
        weight: model.source.spec($0.weightKey) == nil
          ? nil : try model.network.parameter($0.weightKey).floats(),
        eps: $0.eps)
    }
    summarise(model, calibration, drifts, console)
    let replacements = try model.network.stored(
      statistics, batchCount: calibration.batchCount, in: model.source)
    let verdict = try gate.gate.map {
      try GateResult(
        $0, model: model, calibration: calibration, images: images, seed: seed,
        preprocessing: gatePreprocessing(model, recipe, console), cropViews: gate.gateViews,
        pool: global.makePool(), console: console)
    }
    let metadata = recordedMetadata(model, recipe)
    let scores = try gate.gateEval.map {
      try CommandGateResult(
        $0, mode: gate.gateMode ?? .max, model: model, replacements: replacements, metadata: metadata,
        console: console)
    }
    let line = verdict.map { "\($0)" } ?? scores.map { "\($0)" }
    if let line { console.notice(line) }
    if let report {
      let json = reportJSON(
        model, calibration: calibration, drifts: drifts, recipe: recipe, gate: verdict?.json ?? scores?.json)
      try writeReport(json, to: report)
    }
    if let required = gate.require, let line {
      guard verdict?.satisfies(required, margin: gate.margin) ?? true, scores?.satisfies(required) ?? true
      else {
        let margin = gate.margin.map { String(format: " by a margin of %.2f points", 100 * $0) } ?? ""
        throw Failure(.negativeVerdict, "not \(required.rawValue)\(margin), nothing written: \(line)")
      }
      if required == .notWorse, gate.margin == nil, let loss = verdict?.unnoticedLoss { console.notice(loss) }
    }
    guard let destination else { return }
    try rewriteCheckpoint(
      model.source, replacing: replacements, metadata: metadata, to: destination,
      options: writeOptions())
  }

  /// The metadata of the output.
  private func recordedMetadata(_ model: LoadedModel, _ recipe: StatisticsPart.Recipe) -> Metadata {
    var metadata = model.metadata
    for (key, value) in recipe.recorded { metadata[key] = value }
    metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.recalibrated
    var options: [(String, JSON)] = [("estimator", .string(estimator.rawValue))]
    if estimator == .momentum { options.append(("momentum", JSON(momentum))) }
    if prior > 0 { options.append(("prior", JSON(prior))) }
    options += recipe.options.objectValue ?? []
    Provenance(tool: Self.toolName, options: options).record(in: &metadata)
    return metadata
  }

  private func summarise(
    _ model: LoadedModel, _ calibration: Calibration, _ drifts: [LayerDrift], _ console: Console
  ) {
    for drift in drifts { console.detail("\(drift)") }
    let frozen = layers == nil && !includeFrozen ? model.network.frozenBatchNorms : []
    if let first = frozen.first {
      console.notice(
        "\(counted(frozen.count, "frozen BatchNorm layer")) left unchanged (no step counter), the first is \"\(first.name)\"; --include-frozen includes them"
      )
    }
    guard let worst = drifts.max(by: { $0.meanShift < $1.meanShift }) else { return }
    let (images, batches) = (calibration.imageCount, calibration.batchCount)
    let source =
      synchronization.sync == .layer
      ? counted(images, "image") : "\(counted(images, "image")) in \(counted(batches, "batch", "batches"))"
    console.notice(
      "\(counted(drifts.count, "BatchNorm layer")) from \(source); the largest shift: \(worst)")
    for (what, count) in [
      ("whose input is constant", drifts.reduce(0) { $0 + $1.constantChannels }),
      ("dead, their weight being 0", drifts.reduce(0) { $0 + $1.deadChannels }),
    ] where count > 0 {
      console.notice("\(counted(count, "channel")) \(what); --report and --verbose say where")
    }
  }

  func writePart(_ job: Measurement, shard: Shard, console: Console) throws {
    let destination = try checkedDestination(cluster.statsOut ?? "-")
    let part = StatisticsPart(
      shard: shard, recipe: job.recipe, batches: try job.run(shard: shard, console: console))
    let (tensors, metadata) = try part.encoded(layers: job.layers.map(\.name))
    try writeCheckpoint(tensors, metadata: metadata, to: destination)
  }

  func mergedParts(_ model: LoadedModel) throws -> ([BatchMoments], StatisticsPart.Recipe) {
    let layers = try selectedLayers(of: model, matching: layers, includingFrozen: includeFrozen).map {
      (name: $0.name, channels: $0.channels)
    }
    var options = model.openOptions
    // The key is the checkpoint's.
    options.key = nil
    let parts = try cluster.merge.map { path in
      (
        label: path,
        part: try StatisticsPart(
          reading: openCheckpoint(.path(path), options: options), layers: layers)
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

  /// Settings that the moments of a batch depend on besides the checkpoint.
  func measurementOptions(dataset: any ImageDataset, images: Int, preprocessing: Preprocessing) -> JSON {
    var options: [(String, JSON)] = [
      ("data", .string(URL(fileURLWithPath: dataset.name).lastPathComponent)), ("images", JSON(images)),
      ("batch_size", JSON(batchSize)),
      ("shuffle", .bool(shuffle)),
    ]
    if let layers { options.append(("layers", .string(layers))) }
    if includeFrozen { options.append(("include_frozen", .bool(true))) }
    options += synchronization.history()
    let usesSeed = shuffle || self.images.sample != nil || transforms.augment != .none
    if usesSeed { options.append(("seed", .number("\(seed)"))) }
    options += self.images.history() + transforms.history()
    return .object(options + preprocessing.history())
  }

  /// Sets every layer as a new BatchNorm module has it.
  func reset(_ model: LoadedModel, to destination: Location?) throws {
    let statistics = try selectedLayers(of: model, matching: layers, includingFrozen: includeFrozen).map {
      layer in
      let zeros = [Double](repeating: 0, count: layer.channels)
      return (layer: layer, statistics: RunningStatistics(mean: zeros, variance: zeros.map { _ in 1 }))
    }
    guard let destination else { return }
    var metadata = model.metadata
    metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.stale
    Provenance(tool: Self.toolName, options: [("reset_only", .bool(true))]).record(in: &metadata)
    try rewriteCheckpoint(
      model.source, replacing: model.network.stored(statistics, batchCount: 0, in: model.source),
      metadata: metadata, to: destination,
      options: writeOptions())
  }

  /// The gate looks through the eyes of whoever uses the result: the metadata that it will carry, if any.
  private func gatePreprocessing(
    _ model: LoadedModel, _ recipe: StatisticsPart.Recipe, _ console: Console
  ) throws -> Preprocessing {
    var metadata = model.metadata
    for (key, value) in recipe.recorded { metadata[key] = value }
    return try preprocessing.resolve(model, metadata: metadata, console: console).preprocessing
  }

  private func reportJSON(
    _ model: LoadedModel, calibration: Calibration, drifts: [LayerDrift], recipe: StatisticsPart.Recipe,
    gate: JSON?
  ) -> JSON {
    let layers = drifts.map { drift in
      JSON.object([
        ("name", .string(drift.layer)), ("mean_shift", JSON(drift.meanShift)),
        ("log_variance_ratio", JSON(drift.logVarianceRatio)),
        ("constant_channels", JSON(drift.constantChannels)), ("dead_channels", JSON(drift.deadChannels)),
      ])
    }
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("tool", .string(Self.toolName)), ("version", .string(toolsVersion)),
      ("model", .string(model.source.label)), ("architecture", .string(model.network.architectureName)),
      ("estimator", .string(estimator.rawValue)), ("prior", JSON(prior)), ("options", recipe.options),
      ("images", JSON(calibration.imageCount)), ("batches", JSON(calibration.batchCount)),
      ("layers", .array(layers)),
      (
        "frozen_layers",
        .array(
          (self.layers == nil && !includeFrozen ? model.network.frozenBatchNorms : []).map {
            .string($0.name)
          })
      ),
    ]
    if estimator == .momentum { members.append(("momentum", JSON(momentum))) }
    if let gate { members.append(("gate", gate)) }
    return .object(members)
  }
}

extension Estimator: ExpressibleByArgument {}
