import Checkpoint
import ImageData
import TensorMath

extension StatisticsPart {
  static let metadataKey = MetadataKey.batchNormPart

  /// The part as tensors and metadata, ready for a checkpoint writer.
  public func encoded(layers: [String]) throws -> (tensors: [TensorName: TensorValue], metadata: Metadata) {
    let count = batches.count
    var tensors: [TensorName: TensorValue] = [
      "batch": TensorValue(i64: batches.map { Int64($0.batch) }, shape: [count]),
      "images": TensorValue(i64: batches.map { Int64($0.imageCount) }, shape: [count]),
    ]
    for (index, layer) in layers.enumerated() {
      let moments = batches.map { $0.layers[index] }
      let channels = moments.first?.mean.count ?? 0
      tensors[Self.key(layer, "count")] = try TensorValue(
        doubles: moments.map(\.count), shape: [count], dtype: .f64)
      tensors[Self.key(layer, "mean")] = try TensorValue(
        doubles: moments.flatMap(\.mean), shape: [count, channels], dtype: .f64)
      tensors[Self.key(layer, "m2")] = try TensorValue(
        doubles: moments.flatMap(\.m2), shape: [count, channels], dtype: .f64)
    }
    var metadata = Metadata()
    metadata[Self.metadataKey] =
      JSON.object([
        ("shard", .number("\(shard.index)")), ("shards", .number("\(shard.count)")),
        ("batches", .number("\(recipe.batchCount)")), ("model", .string(recipe.model)),
        ("options", recipe.options),
        (
          "recorded",
          .object(recipe.recorded.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        ),
      ]).encoded()
    return (tensors, metadata)
  }

  /// Reads a part back.
  ///
  /// - Parameters:
  ///   - source: the open file.
  ///   - layers: name and channel count of the network's BatchNorm layers, in execution order.
  /// - Throws: `PartError.malformed` when the file is something else or does not fit these layers.
  public init(reading source: any CheckpointSource, layers: [(name: String, channels: Int)]) throws {
    func malformed(_ problem: String) -> PartError { .malformed(source.label, problem) }
    guard let text = source.metadata[Self.metadataKey], let header = try? JSON.parse(Array(text.utf8)) else {
      throw malformed("no \"\(Self.metadataKey)\" in its metadata")
    }
    guard let index = header["shard"]?.intValue, let count = header["shards"]?.intValue,
      let shard = Shard(index: index, count: count), let batchCount = header["batches"]?.intValue,
      batchCount >= 1,
      let model = header["model"]?.stringValue, let options = header["options"],
      case .object(let recorded)? = header["recorded"]
    else { throw malformed("its \"\(Self.metadataKey)\" is damaged") }

    func values(_ key: TensorName, count: Int) throws -> [Double] {
      guard let spec = source.spec(key) else { throw malformed("no tensor \"\(key.escaped)\"") }
      guard spec.dtype == .f64 || spec.dtype == .i64, spec.elementCount == count else {
        throw malformed("tensor \"\(key.escaped)\" is \(spec.dtype.name) \(spec.shape)")
      }
      return try source.value(key).doubles()
    }
    let own = shard.items(of: batchCount)
    let numbers = try values("batch", count: own.count)
    let images = try values("images", count: own.count)
    let moments = try layers.map { layer in
      let counts = try values(Self.key(layer.name, "count"), count: own.count)
      let mean = try values(Self.key(layer.name, "mean"), count: own.count * layer.channels)
      let m2 = try values(Self.key(layer.name, "m2"), count: own.count * layer.channels)
      return counts.indices.map { batch in
        let range = batch * layer.channels..<(batch + 1) * layer.channels
        return ChannelMoments(count: counts[batch], mean: Array(mean[range]), m2: Array(m2[range]))
      }
    }
    self.init(
      shard: shard,
      recipe: Recipe(
        model: model, batchCount: batchCount, options: options,
        recorded: recorded.reduce(into: [:]) { $0[$1.0] = $1.1.stringValue }),
      batches: own.indices.map { place in
        BatchMoments(
          batch: Int(numbers[place]), imageCount: Int(images[place]), layers: moments.map { $0[place] })
      })
  }

  private static func key(_ layer: String, _ moment: String) -> TensorName {
    TensorName("\(layer).\(moment)")
  }
}
