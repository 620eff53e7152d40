import Checkpoint
import Evaluation
import ImageData
import NetworkExecution

extension Recalibration {
  /// Metadata of the recalibration in a part; the values are tensors next to it.
  var json: JSON {
    .object([
      ("network", JSON(network)), ("batches", JSON(batchCount)), ("layers", JSON(statistics.count)),
      ("preprocessing", preprocessing.json),
    ])
  }

  /// Reads back the statistics at `index`; nil when something is missing or impossible.
  init?(_ json: JSON, index: Int, source: any CheckpointSource) throws {
    guard let network = json["network"]?.intValue, let batches = json["batches"]?.intValue, batches >= 1,
      let layers = json["layers"]?.intValue, (0...100_000).contains(layers),
      let preprocessing = json["preprocessing"].flatMap(Preprocessing.init(json:))
    else { return nil }
    var statistics: [RunningStatistics] = []
    for layer in 0..<layers {
      let keys = ["mean", "var"].map { Self.key(index, layer, $0) }
      let specs = keys.compactMap { source.spec($0) }
      guard specs.count == 2, specs[0].shape == specs[1].shape, specs.allSatisfy({ $0.dtype == .f64 }) else {
        return nil
      }
      let values = try keys.map { try source.value($0).doubles() }
      guard values[0].allSatisfy(\.isFinite), values[1].allSatisfy({ $0 >= 0 && $0.isFinite }) else {
        return nil
      }
      statistics.append(RunningStatistics(mean: values[0], variance: values[1]))
    }
    self.init(network: network, preprocessing: preprocessing, batchCount: batches, statistics: statistics)
  }

  static func key(_ index: Int, _ layer: Int, _ moment: String) -> TensorName {
    TensorName("recalibration.\(index).\(layer).\(moment)")
  }
}
