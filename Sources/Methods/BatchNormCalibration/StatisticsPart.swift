import Checkpoint
import ImageData
import Platform
import Statistics

/// The moments measured by one shard, as a file that any process can write and the merge can read.
///
/// Moments are stored per batch, because the merge must add batches in the order of the data: the result then
/// equals that of one process to the last bit, however the batches were divided.
///
/// As tensors: `batch` and `images` are I64 [b]; for every layer `<layer>.count` is F64 [b], `<layer>.mean`
/// and `<layer>.m2` are F64 [b, channels]. Everything else is one JSON object in the metadata.
///
/// ```swift
/// let layers = network.trainedBatchNorms.map { (name: $0.name, channels: $0.channels) }
/// let parts = try files.map { file in
///   (label: file, part: try StatisticsPart(reading: openCheckpoint(.path(file)), layers: layers))
/// }
/// var calibration = try Calibration(network: network, estimator: .pooled)
/// for batch in try StatisticsPart.merge(parts) { try calibration.add(batch) }
/// ```
public struct StatisticsPart: Sendable {
  /// The properties that all parts of one calculation must agree on, apart from the shard's number.
  public struct Recipe: Sendable, Equatable {
    /// Identity of the checkpoint's tensors.
    public var model: String
    /// Number of batches used of the whole data set.
    public var batchCount: Int
    /// All options that the statistics depend on, as written to the provenance.
    public var options: JSON
    /// Metadata for the result.
    public var recorded: [String: String]

    /// A recipe of the given parts.
    public init(model: String, batchCount: Int, options: JSON, recorded: [String: String]) {
      self.model = model
      self.batchCount = batchCount
      self.options = options
      self.recorded = recorded
    }
  }

  /// Share of the batches.
  public let shard: Shard
  /// Properties of the calculation.
  public let recipe: Recipe
  /// The batches of the shard, ascending.
  public let batches: [BatchMoments]

  /// A part of newly measured moments.
  public init(shard: Shard, recipe: Recipe, batches: [BatchMoments]) {
    self.shard = shard
    self.recipe = recipe
    self.batches = batches
  }
}

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
    let file = try StateFile(source, key: Self.metadataKey, fail: malformed)
    let header = file.header
    guard let index = header["shard"]?.intValue, let shards = header["shards"]?.intValue,
      let shard = Shard(index: index, count: shards), let batchCount = header["batches"]?.intValue,
      batchCount >= 1,
      let model = header["model"]?.stringValue, let options = header["options"],
      case .object(let recorded)? = header["recorded"],
      recorded.allSatisfy({ $0.1.stringValue != nil })
    else { throw malformed("its \"\(Self.metadataKey)\" is damaged") }

    // The header only claims how many batches there are; the file says how many it holds.
    let count = shard.itemCount(of: batchCount)
    let numbers = try file.counts("batch", [count], 0...Int64(batchCount - 1))
    let images = try file.counts("images", [count], Self.imageCounts)
    let moments = try layers.map { layer in
      // Every image has as many values of a channel as the layer has positions.
      let counts = try file.doubles(Self.key(layer.name, "count"), .f64, [count]) {
        $0 > 1 && $0 <= 0x1p53 && $0 == $0.rounded()
      }
      for (values, images) in zip(counts, images)
      where values.truncatingRemainder(dividingBy: Double(images)) != 0 {
        throw malformed(
          "layer \"\(TensorName(layer.name).escaped)\" has \(values) values of \(images) images")
      }
      // An empty shard does not know how many channels a layer has.
      let shape = [count, count == 0 ? 0 : layer.channels]
      let mean = try file.doubles(Self.key(layer.name, "mean"), .f64, shape)
      let m2 = try file.doubles(Self.key(layer.name, "m2"), .f64, shape) { $0 >= 0 }
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
      batches: numbers.indices.map { place in
        BatchMoments(batch: numbers[place], imageCount: images[place], layers: moments.map { $0[place] })
      })
  }

  /// Images of one batch; their sum over as many batches as a file can hold fits.
  private static let imageCounts: ClosedRange<Int64> = 1...1 << 24

  private static func key(_ layer: String, _ moment: String) -> TensorName {
    TensorName("\(layer).\(moment)")
  }
}

extension StatisticsPart {
  /// All batches of all parts in the order of the data.
  ///
  /// - Parameter parts: parts, each with its name for messages.
  /// - Throws: `PartError` for a missing, duplicate or foreign part.
  public static func merge(_ parts: [(label: String, part: StatisticsPart)]) throws -> [BatchMoments] {
    guard let first = parts.first else { return [] }
    let count = first.part.shard.count
    var holders: [Int: String] = [:]
    for (label, part) in parts {
      guard part.shard.count == count else {
        throw PartError.foreign(label, first.label, "\(count) shards", "\(part.shard.count) shards")
      }
      if let difference = part.recipe.difference(from: first.part.recipe) {
        throw PartError.foreign(label, first.label, difference.expected, difference.found)
      }
      if let earlier = holders[part.shard.index] {
        throw PartError.duplicate(label, earlier, part.shard.description)
      }
      holders[part.shard.index] = label
      guard part.batches.count == part.shard.itemCount(of: part.recipe.batchCount),
        part.batches.map(\.batch) == part.shard.items(of: part.recipe.batchCount)
      else {
        throw PartError.incomplete(label)
      }
    }
    guard holders.count == count else {
      // Parts claim how many there are: the first few that are missing are named.
      let missing = (0..<count).lazy.filter { holders[$0] == nil }.prefix(16).map { "\($0)/\(count)" }
      throw PartError.missing(Array(missing))
    }
    return parts.flatMap(\.part.batches).sorted { $0.batch < $1.batch }
  }
}

extension StatisticsPart.Recipe {
  /// The first property in which two recipes differ, in words.
  func difference(from expected: Self) -> (expected: String, found: String)? {
    if model != expected.model { return ("checkpoint \(expected.model)", "checkpoint \(model)") }
    if batchCount != expected.batchCount {
      return ("\(expected.batchCount) batches in all", "\(batchCount) batches in all")
    }
    if options != expected.options { return (expected.options.encoded(), options.encoded()) }
    if recorded != expected.recorded { return ("\(expected.recorded)", "\(recorded)") }
    return nil
  }
}

/// Reasons that parts cannot be merged.
public enum PartError: ClassifiedError, Equatable {
  /// No part was given for these shards.
  case missing([String])
  /// The part at `path` is of the same shard as an earlier part.
  case duplicate(_ path: String, _ earlier: String, _ shard: String)
  /// The part at `path` is of another calculation than the part `reference`.
  case foreign(_ path: String, _ reference: String, _ expected: String, _ found: String)
  /// The part at `path` does not hold all batches of its shard.
  case incomplete(_ path: String)
  /// The file at `path` is not a part, or does not fit the layers.
  case malformed(_ path: String, _ problem: String)

  /// One line that names the file.
  public var description: String {
    switch self {
    case .missing(let shards):
      "parts missing for shard \(shards.joined(separator: ", "))"
    case .duplicate(let path, let earlier, let shard): "\(path): shard \(shard) again, already in \(earlier)"
    case .foreign(let path, let reference, let expected, let found):
      "\(path): not of the same calculation as \(reference): expected \(expected), found \(found)"
    case .incomplete(let path): "\(path): does not hold the batches of its shard; run that shard again"
    case .malformed(let path, let problem): "\(path): not a statistics part: \(problem)"
    }
  }
}
