import Checkpoint
import Evaluation
import ImageData

extension SweepPart.Recipe {
  var json: JSON {
    var members: [(String, JSON)] = [
      ("data", .string(dataset)), ("images", JSON(imageCount)),
      ("checkpoints", .array(checkpoints.map(JSON.string))), ("digests", .array(digests.map(JSON.string))),
      ("options", options),
      ("multiply_adds", .array(multiplyAdds.map { JSON($0) })), ("settings", .array(settings.map(\.json))),
    ]
    if let calibration {
      members.append(
        (
          "bnfix",
          .object([
            ("data", .string(calibration.dataset)), ("images", JSON(calibration.imageCount)),
            ("seed", .number("\(calibration.seed)")),
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
        Self.imageCounts.contains(images), case .number(let text)? = source["seed"], let seed = UInt64(text)
      else { return nil }
      calibration = SweepPart.CalibrationRecipe(dataset: dataset, imageCount: images, seed: seed)
    }
    guard calibration != nil || settings.allSatisfy({ $0.batchNorm == .stored }) else { return nil }
    self.init(
      dataset: dataset, imageCount: imageCount, checkpoints: checkpoints, digests: digests,
      options: options, settings: settings, multiplyAdds: multiplyAdds, calibration: calibration)
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
      let pooling = json["pooling"]?.stringValue.flatMap(Pooling.init(name:)),
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
