import Checkpoint
import Evaluation
import ImageData
import NetworkExecution
import Platform

extension SweepPart {
  static let metadataKey = MetadataKey.sweepPart

  /// The part as tensors and metadata, ready for a checkpoint writer.
  ///
  /// Rows of unequal length are padded: `count` holds the number of images that each setting has seen.
  public func encoded() throws -> (tensors: [TensorName: TensorValue], metadata: Metadata) {
    let outcomes = measurements.outcomes
    let width = outcomes.map(\.count).max() ?? 0
    func matrix(_ values: (SettingOutcomes) -> [Double], _ dtype: DType) throws -> TensorValue {
      let padded = outcomes.flatMap { values($0) + Array(repeating: 0, count: width - $0.count) }
      return try TensorValue(doubles: padded, shape: [outcomes.count, width], dtype: dtype)
    }
    var metadata = Metadata()
    metadata[Self.metadataKey] =
      JSON.object([
        ("shard", JSON(shard.index)), ("shards", JSON(shard.count)), ("recipe", recipe.json),
        ("recalibrations", .array(recalibrations.map(\.json))),
      ]).encoded()
    var tensors: [TensorName: TensorValue] = [
      "count": TensorValue(i64: outcomes.map { Int64($0.count) }, shape: [outcomes.count]),
      "seconds": try TensorValue(doubles: measurements.seconds, shape: [outcomes.count], dtype: .f64),
      "predicted": try matrix({ $0.predicted.map(Double.init) }, .i32),
      "rank": try matrix({ $0.ranks.map(Double.init) }, .i32),
      "loss": try matrix(\.losses, .f64),
      "confidence": try matrix({ $0.confidences.map(Double.init) }, .f32),
      "label": try matrix({ $0.labels.map(Double.init) }, .i32),
      "brier": try matrix(\.brierScores, .f64),
    ]
    for (index, recalibration) in recalibrations.enumerated() {
      for (layer, statistics) in recalibration.statistics.enumerated() {
        for (moment, values) in [("mean", statistics.mean), ("var", statistics.variance)] {
          tensors[Recalibration.key(index, layer, moment)] = try TensorValue(
            doubles: values, shape: [values.count], dtype: .f64)
        }
      }
    }
    return (tensors, metadata)
  }

  /// Reads a part back.
  ///
  /// - Parameters:
  ///   - source: the open file.
  ///   - wanted: recipe and share of the sweep that is to go on from it, of whose settings it may have some and others
  ///     too; nil for a part that must be whole. What the file claims is then bounded by the data set, or by what it holds.
  /// - Throws: `SweepError.badPart` when the file is something else, damaged, or not what is wanted; reading errors.
  public init(reading source: any CheckpointSource, for wanted: (recipe: Recipe, shard: Shard)? = nil) throws
  {
    func bad(_ problem: String) -> SweepError { .badPart(source.label, problem) }
    let file = try StateFile(source, key: Self.metadataKey, fail: bad)
    let header = file.header
    guard let index = header["shard"]?.intValue, let count = header["shards"]?.intValue,
      let shard = Shard(index: index, count: count), let recipe = header["recipe"].flatMap(Recipe.init)
    else { throw bad("its \"\(Self.metadataKey)\" is damaged") }
    if let wanted {
      if wanted.shard != shard { throw bad("is of shard \(shard), not \(wanted.shard)") }
      if let conflict = wanted.recipe.conflict(with: recipe) { throw bad("has measurements of \(conflict)") }
    }
    let settings = recipe.settings.count
    let imageCount = shard.itemCount(of: recipe.imageCount)
    let seen = try file.counts("count", [settings], 0...Int64(imageCount))
    guard wanted != nil || seen.allSatisfy({ $0 == imageCount }) else {
      throw bad("is unfinished; run shard \(shard) again to continue it")
    }
    let width = seen.max() ?? 0
    let places = [settings, width]
    let predicted = try file.doubles("predicted", .i32, places) { $0 >= 0 }
    let ranks = try file.doubles("rank", .i32, places) { $0 >= 0 }
    let losses = try file.doubles("loss", .f64, places) { $0 >= 0 }
    let confidences = try file.doubles("confidence", .f32, places) { (0...1).contains($0) }
    let labels = try file.doubles("label", .i32, places) { $0 >= 0 }
    let brierScores = try file.doubles("brier", .f64, places) { (0...2.0001).contains($0) }
    let seconds = try file.doubles("seconds", .f64, [settings]) { $0 >= 0 }
    var measurements = Measurements(
      settings: recipe.settings, images: shard.items(of: recipe.imageCount), multiplyAdds: recipe.multiplyAdds
    )
    measurements.seconds = seconds
    for setting in 0..<settings {
      for place in setting * width..<setting * width + seen[setting] {
        measurements.outcomes[setting].append(
          Outcome(
            predicted: Int(predicted[place]), rank: Int(ranks[place]), loss: losses[place],
            confidence: confidences[place], label: Int(labels[place]), brierScore: brierScores[place]))
      }
    }
    guard let entries = header["recalibrations"]?.arrayValue else {
      throw bad("its \"\(Self.metadataKey)\" is damaged")
    }
    let recalibrations = try entries.enumerated().map { index, entry in
      guard let one = try Recalibration(entry, index: index, file: file),
        recipe.checkpoints.indices.contains(one.network)
      else { throw bad("its BatchNorm statistics are damaged") }
      return one
    }
    for setting in recipe.settings where setting.batchNorm == .recalibrated {
      guard setting.networks.allSatisfy({ setting.recalibration(of: $0, among: recalibrations) != nil })
      else { throw bad("its BatchNorm statistics are incomplete") }
    }
    self.init(recipe: recipe, shard: shard, measurements: measurements, recalibrations: recalibrations)
  }
}

extension Recalibration {
  /// Metadata of the recalibration in a part; the values are tensors next to it.
  var json: JSON {
    .object([
      ("network", JSON(network)), ("batches", JSON(batchCount)), ("layers", JSON(statistics.count)),
      ("preprocessing", preprocessing.json),
    ])
  }

  /// Reads back the statistics at `index`; nil when something is missing or impossible.
  init?(_ json: JSON, index: Int, file: StateFile) throws {
    guard let network = json["network"]?.intValue, let batches = json["batches"]?.intValue, batches >= 1,
      let layers = json["layers"]?.intValue, (0...100_000).contains(layers),
      let preprocessing = json["preprocessing"].flatMap(Preprocessing.init(json:))
    else { return nil }
    var statistics: [RunningStatistics] = []
    for layer in 0..<layers {
      let mean = try file.doubles(Self.key(index, layer, "mean"), .f64, nil)
      let variance = try file.doubles(Self.key(index, layer, "var"), .f64, [mean.count]) { $0 >= 0 }
      statistics.append(RunningStatistics(mean: mean, variance: variance))
    }
    self.init(network: network, preprocessing: preprocessing, batchCount: batches, statistics: statistics)
  }

  static func key(_ index: Int, _ layer: Int, _ moment: String) -> TensorName {
    TensorName("recalibration.\(index).\(layer).\(moment)")
  }
}
