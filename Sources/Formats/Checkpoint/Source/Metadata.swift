/// The `__metadata__` of a checkpoint: texts by key, compared as UTF-8 bytes and written sorted.
public struct Metadata: Sendable, Equatable {
  private var entries: [TensorName: String] = [:]

  /// No entries.
  public init() {}

  /// The entries of `dictionary`.
  public init(_ dictionary: [String: String]) {
    for (key, value) in dictionary { self[key] = value }
  }

  /// The text under `key`; assigning nil removes the entry.
  public subscript(key: String) -> String? {
    get { entries[TensorName(key)] }
    set { entries[TensorName(key)] = newValue }
  }

  /// True if there are no entries.
  public var isEmpty: Bool { entries.isEmpty }

  /// The entries in the order of the keys' bytes.
  public var sortedEntries: [(key: String, value: String)] {
    entries.sorted { $0.key < $1.key }.map { (key: $0.key.string, value: $0.value) }
  }

  /// The entries that all files of a set agree on: another one is a property of none of them.
  init(agreedBy files: [Metadata]) {
    for (key, value) in files.first?.sortedEntries ?? [] where files.allSatisfy({ $0[key] == value }) {
      self[key] = value
    }
  }

  /// Equality of keys and of texts, byte by byte.
  public static func == (a: Metadata, b: Metadata) -> Bool {
    a.entries.mapValues { TensorName($0) } == b.entries.mapValues { TensorName($0) }
  }
}

extension Metadata {
  /// Groups of tensors that were one and the same before they were written as copies: a JSON array of arrays of names
  /// under `ckpt.tied`. Names and groups are sorted.
  public var tiedTensors: [[TensorName]] {
    get {
      guard let text = self[MetadataKey.tied], case .array(let groups)? = try? JSON.parse(Array(text.utf8))
      else {
        return []
      }
      return groups.compactMap { group in
        let names = (group.arrayValue ?? []).compactMap(\.stringValue).map { TensorName($0) }
        return names.count > 1 ? names : nil
      }
    }
    set {
      let groups = newValue.filter { $0.count > 1 }.map { $0.sorted() }.sorted {
        $0.lexicographicallyPrecedes($1)
      }
      self[MetadataKey.tied] =
        groups.isEmpty
        ? nil : JSON.array(groups.map { .array($0.map { .string($0.string) }) }).encoded()
    }
  }
}

/// Keys of the entries that the tools write into a checkpoint's `__metadata__`.
public enum MetadataKey {
  /// Prefix of the tools' keys.
  public static let prefix = "ckpt."

  /// Name of the network's architecture.
  public static let architecture = "ckpt.arch"
  /// JSON array of the names of the classes, in the order of the logits.
  public static let classes = "ckpt.classes"
  /// Pixels of the shorter side after resizing.
  public static let resize = "ckpt.resize"
  /// Pixels of the side of the crop, or of both, height first, as in `480x640`.
  public static let crop = "ckpt.crop"
  /// The side that `ckpt.resize` is the length of.
  public static let resizeMode = "ckpt.resize_mode"
  /// Value, from 0 to 255, of pixels of the crop that the image does not reach.
  public static let padding = "ckpt.pad"
  /// Order of the channels of a color image.
  public static let channelOrder = "ckpt.channel_order"
  /// Filter of the resize.
  public static let interpolation = "ckpt.interpolation"
  /// Mean of each channel, of pixels from 0 to 1.
  public static let mean = "ckpt.mean"
  /// Standard deviation of each channel.
  public static let std = "ckpt.std"
  /// Pixels of the side of the training images.
  public static let trainSize = "ckpt.train_size"
  /// State of the BatchNorm statistics, one of `BatchNormState`.
  public static let batchNorm = "ckpt.bn"
  /// JSON of the measured accuracy of the chosen setting.
  public static let metrics = "ckpt.metrics"
  /// Temperature that the chosen setting's logits are divided by, so that their confidence is honest.
  public static let temperature = "ckpt.temperature"
  /// JSON array of what tools have done, oldest first.
  public static let history = "ckpt.history"
  /// JSON array of groups of tensors that were one and the same before they were written as copies.
  public static let tied = "ckpt.tied"
  /// Marks the sums of an average that is underway.
  public static let averagingState = "ckpt.state"
  /// Number of differences that a SWAG file keeps.
  public static let swagRank = "ckpt.swag_rank"
  /// Marks the BatchNorm moments of one shard.
  public static let batchNormPart = "ckpt.bn_part"
  /// Marks the measurements of one shard of a sweep.
  public static let sweepPart = "ckpt.sweep_part"
  /// Marks features of images, those of one share included, and says what they were computed with.
  public static let features = "ckpt.features"
  /// Marks a fine-tuning that is underway.
  public static let tuningState = "ckpt.tuning_state"
  /// Marks the measurements of a search that is underway.
  public static let searchState = "ckpt.search_state"

  /// Keys that mark files of tools that are no checkpoints: states, shares and features.
  public static let marksOfIntermediateResults = [
    averagingState, batchNormPart, sweepPart, features, tuningState, searchState,
  ]

  /// Values of `ckpt.bn`.
  public enum BatchNormState {
    /// The statistics belong to other weights.
    public static let stale = "stale"
    /// The statistics were measured with these weights.
    public static let recalibrated = "recalibrated"
  }
}
