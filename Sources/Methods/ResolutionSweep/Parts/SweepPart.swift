import Checkpoint
import Evaluation
import ImageData
import Platform

/// A sweep, or one shard's share of it, that can be stored in a file, continued and merged.
///
/// ```swift
/// let parts = try files.map { (name: $0, part: try SweepPart(reading: openCheckpoint(.path($0)))) }
/// let whole = try SweepPart.merged(parts)
/// print(whole.measurements.outcomes.map { $0.accuracy().value })
/// ```
public struct SweepPart: Sendable, Equatable {
  /// Properties that the measurements depend on; parts belong together if their recipes are equal.
  public struct Recipe: Sendable, Equatable {
    /// The data set's name.
    public var dataset: String
    /// Number of images in the data set.
    public var imageCount: Int
    /// Digest of the data set's images: of their names and labels, say.
    public var datasetDigest: String
    /// Names of the checkpoints.
    public var checkpoints: [String]
    /// Architectures of the checkpoints, as reports name them; empty if unknown.
    public var architectures: [String]
    /// Digests of the checkpoints' tensors.
    public var digests: [String]
    /// Options under which images are read and networks computed, an object as in the history.
    public var options: JSON
    /// Settings that are measured.
    public var settings: [Setting]
    /// Multiply-adds per image of every setting.
    public var multiplyAdds: [Int]
    /// Source of recalibrated statistics; nil if no setting uses any.
    public var calibration: CalibrationRecipe?

    /// A recipe with everything given.
    public init(
      dataset: String, imageCount: Int, datasetDigest: String = "", checkpoints: [String],
      architectures: [String] = [], digests: [String], options: JSON = .object([]), settings: [Setting],
      multiplyAdds: [Int],
      calibration: CalibrationRecipe? = nil
    ) {
      self.dataset = dataset
      self.imageCount = imageCount
      self.datasetDigest = datasetDigest
      self.checkpoints = checkpoints
      self.architectures = architectures
      self.digests = digests
      self.options = options
      self.settings = settings
      self.multiplyAdds = multiplyAdds
      self.calibration = calibration
    }

    /// The options without file names and tolerance for unreadable images, which shows in the images that are
    /// left.
    private var measuredOptions: JSON {
      .object((options.objectValue ?? []).filter { $0.0 != "class_map" && $0.0 != "skip_bad" })
    }

    /// The property, apart from the settings, in which measurements of `other` are not those of this sweep; nil if they
    /// are. Names may differ between machines.
    func conflict(with other: Recipe) -> String? {
      if digests != other.digests { return "other checkpoints" }
      if imageCount != other.imageCount || datasetDigest != other.datasetDigest { return "other images" }
      if measuredOptions != other.measuredOptions { return "other options" }
      if let own = calibration, let theirs = other.calibration,
        own.imageCount != theirs.imageCount || own.seed != theirs.seed
          || own.datasetDigest != theirs.datasetDigest
      {
        return "other images for BatchNorm statistics"
      }
      return nil
    }

    /// True if both measure the same settings.
    func measuresTheSame(as other: Recipe) -> Bool {
      conflict(with: other) == nil && settings == other.settings
        && (calibration == nil) == (other.calibration == nil)
    }
  }

  /// The images that recalibrated statistics are computed from.
  public struct CalibrationRecipe: Sendable, Equatable {
    /// The data set's name.
    public var dataset: String
    /// Digest of the data set's images: of their names, say.
    public var datasetDigest: String
    /// Number of images taken.
    public var imageCount: Int
    /// Seed of their random selection.
    public var seed: UInt64

    /// A recipe with everything given.
    public init(dataset: String, datasetDigest: String = "", imageCount: Int, seed: UInt64) {
      self.dataset = dataset
      self.datasetDigest = datasetDigest
      self.imageCount = imageCount
      self.seed = seed
    }
  }

  /// Properties of the sweep.
  public let recipe: Recipe
  /// Share of the images.
  public let shard: Shard
  /// Measurements so far.
  public var measurements: Measurements
  /// Statistics that replaced the stored ones.
  public let recalibrations: [Recalibration]

  /// A part with everything given.
  public init(
    recipe: Recipe, shard: Shard, measurements: Measurements, recalibrations: [Recalibration] = []
  ) {
    self.recipe = recipe
    self.shard = shard
    self.measurements = measurements
    self.recalibrations = recalibrations
  }

  /// Merges the parts of all shards, in any order.
  ///
  /// - Parameter parts: parts, each with its name for messages.
  /// - Returns: the whole sweep, images in the order of the data set; equal to a sweep that was never
  ///   divided.
  /// - Throws: `SweepError.badPart` when a part is of another sweep, missing, repeated or unfinished.
  public static func merged(_ parts: [(name: String, part: SweepPart)]) throws -> SweepPart {
    guard let first = parts.first else { throw SweepError.badPart("", "no parts to put together") }
    let count = first.part.shard.count
    var byIndex: [Int: (name: String, part: SweepPart)] = [:]
    for (name, part) in parts {
      guard part.recipe.measuresTheSame(as: first.part.recipe), part.shard.count == count else {
        throw SweepError.badPart(name, "is of another sweep than \(TensorName(first.name).escaped)")
      }
      let own = part.recalibrations
      guard own.count == first.part.recalibrations.count,
        zip(own, first.part.recalibrations).allSatisfy({ $0.agrees(with: $1) })
      else {
        throw SweepError.badPart(
          name,
          "has other BatchNorm statistics than \(TensorName(first.name).escaped); were they of the same images?"
        )
      }
      guard part.measurements.complete.count == part.recipe.settings.count else {
        throw SweepError.badPart(name, "is unfinished; run shard \(part.shard) again to continue it")
      }
      guard byIndex.updateValue((name, part), forKey: part.shard.index) == nil else {
        throw SweepError.badPart(name, "is shard \(part.shard) a second time")
      }
    }
    if let missing = (0..<count).first(where: { byIndex[$0] == nil }) {
      throw SweepError.badPart(first.name, "shard \(missing) of \(count) is missing")
    }
    let recipe = first.part.recipe
    var whole = Measurements(
      settings: recipe.settings, images: Array(0..<recipe.imageCount), multiplyAdds: recipe.multiplyAdds)
    for setting in recipe.settings.indices {
      for image in 0..<recipe.imageCount {
        // Shard I of N holds the images whose index modulo N is I, in order.
        let source = byIndex[image % count]!.part.measurements.outcomes[setting]
        whole.outcomes[setting].append(source[image / count])
      }
      whole.seconds[setting] = parts.reduce(0) { $0 + $1.part.measurements.seconds[setting] }
    }
    return SweepPart(
      recipe: recipe, shard: Shard(index: 0, count: 1)!, measurements: whole,
      recalibrations: first.part.recalibrations)
  }
}

extension SweepPart.Recipe {
  var json: JSON {
    var members: [(String, JSON)] = [
      ("data", .string(dataset)), ("images", JSON(imageCount)), ("data_digest", .string(datasetDigest)),
      ("checkpoints", .array(checkpoints.map(JSON.string))),
      ("architectures", .array(architectures.map(JSON.string))),
      ("digests", .array(digests.map(JSON.string))),
      ("options", options),
      ("multiply_adds", .array(multiplyAdds.map { JSON($0) })), ("settings", .array(settings.map(\.json))),
    ]
    if let calibration {
      members.append(
        (
          "bnfix",
          .object([
            ("data", .string(calibration.dataset)), ("data_digest", .string(calibration.datasetDigest)),
            ("images", JSON(calibration.imageCount)), ("seed", .number("\(calibration.seed)")),
          ])
        ))
    }
    return .object(members)
  }

  init?(_ json: JSON) {
    /// All elements of a list as `read` sees them; nil when it is no list or an element is something else.
    func list<Value>(_ key: String, _ read: (JSON) -> Value?) -> [Value]? {
      guard let elements = json[key]?.arrayValue else { return nil }
      let values = elements.compactMap(read)
      return values.count == elements.count ? values : nil
    }
    guard let dataset = json["data"]?.stringValue, let imageCount = json["images"]?.intValue,
      Self.imageCounts.contains(imageCount), let checkpoints = list("checkpoints", { $0.stringValue }),
      let digests = list("digests", { $0.stringValue }),
      let multiplyAdds = list("multiply_adds", { $0.intValue }),
      multiplyAdds.allSatisfy({ $0 >= 0 }),
      let options = json["options"], options.objectValue != nil, let entries = json["settings"]?.arrayValue,
      !entries.isEmpty, !checkpoints.isEmpty
    else { return nil }
    let settings = entries.compactMap(Setting.init)
    guard settings.count == entries.count, multiplyAdds.count == entries.count,
      settings.allSatisfy({ $0.networks.allSatisfy(checkpoints.indices.contains) })
    else { return nil }
    var calibration: SweepPart.CalibrationRecipe?
    if let source = json["bnfix"] {
      guard let dataset = source["data"]?.stringValue, let images = source["images"]?.intValue,
        Self.imageCounts.contains(images),
        case .number(let text)? = source["seed"], let seed = UInt64(text)
      else { return nil }
      calibration = SweepPart.CalibrationRecipe(
        dataset: dataset, datasetDigest: source["data_digest"]?.stringValue ?? "", imageCount: images,
        seed: seed)
    }
    guard calibration != nil || settings.allSatisfy({ $0.batchNorm == .stored }) else { return nil }
    self.init(
      dataset: dataset, imageCount: imageCount, datasetDigest: json["data_digest"]?.stringValue ?? "",
      checkpoints: checkpoints, architectures: list("architectures", { $0.stringValue }) ?? [],
      digests: digests, options: options, settings: settings,
      multiplyAdds: multiplyAdds,
      calibration: calibration)
  }
}

extension SweepPart.Recipe {
  /// Numbers of images that a data set may have.
  private static let imageCounts = 1...Int(Int32.max)
}

extension Setting {
  var json: JSON {
    .object([
      ("networks", .array(networks.map { JSON($0) })), ("views", .string(views.rawValue)),
      ("pooling", .string(pooling.name)), ("batchnorm", .string(batchNorm.rawValue)),
      ("preprocessing", preprocessing.json),
    ])
  }

  init?(_ json: JSON) {
    guard let numbers = json["networks"]?.arrayValue, !numbers.isEmpty,
      case let networks = numbers.compactMap(\.intValue), networks.count == numbers.count,
      let views = json["views"]?.stringValue.flatMap(CropViews.init),
      let pooling = json["pooling"]?.stringValue.flatMap(ViewPooling.init(name:)),
      let batchNorm = json["batchnorm"]?.stringValue.flatMap(NormalizationSource.init),
      let preprocessing = json["preprocessing"].flatMap(Preprocessing.init(json:))
    else { return nil }
    self.init(
      networks: networks, preprocessing: preprocessing, views: views, pooling: pooling, batchNorm: batchNorm)
  }
}

extension Preprocessing {
  var json: JSON {
    .object(metadataEntries.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }

  init?(json: JSON) {
    guard let known = try? Preprocessing(metadata: { json[$0]?.stringValue }, source: "") else { return nil }
    self = known
  }
}

extension ImageDataset {
  /// A name for the images of a data set: CRC-32 of the last components of their names and of their labels, which are the
  /// same wherever its folder is.
  package var namesDigest: String {
    var digest: UInt32 = 0
    for image in 0..<count {
      var entry = "\(lastComponents(itemName(image)))\0\(label(image) ?? -1)\0"
      digest = entry.withUTF8 { crc32(UnsafeRawBufferPointer($0), continuing: digest) }
    }
    return "crc32:\(hexadecimal(digest))"
  }
}
