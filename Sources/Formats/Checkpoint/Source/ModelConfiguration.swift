import Platform

/// The `config.json` of a model folder as timm and the Hugging Face hub have it, next to `model.safetensors`.
public struct ModelConfiguration: Sendable, Equatable {
  static let fileName = "config.json"
  /// Files that hold the weights of a model folder, in the order in which timm and the hub look for them.
  static let weightNames = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    "pytorch_model.pth", "model.pth",
  ]
  private static let lengthLimit = 1 << 26

  /// The whole file.
  public let json: JSON
  /// The model described; nil if it is none of timm's.
  public let model: RecordedModel?

  init(_ json: JSON) {
    self.json = json
    model = RecordedModel(configuration: json)
  }

  /// The configuration in a folder.
  ///
  /// - Returns: nil when there is none.
  /// - Throws: `CheckpointError.malformed`, errors of reading.
  init?(in folder: String) throws {
    let path = folder + Self.fileName
    guard access(path, F_OK) == 0 else { return nil }
    let file = try InputFile(regularFileAt: path)
    guard file.length <= Self.lengthLimit else {
      throw CheckpointError.malformed(path: path, reason: "exceeds \(Self.lengthLimit) bytes")
    }
    do {
      self.init(try JSON.parse(try file.bytes(at: 0, count: file.length)))
    } catch let error as JSONError {
      throw CheckpointError.malformed(path: path, reason: "\(error)")
    }
  }

  /// The configuration of a checkpoint of these tensors and metadata: sizes and normalization as chosen, and the number of
  /// classes of its classifier.
  ///
  /// The size of the images in training stays; the chosen one is that for tests.
  public func updated(tensors: [TensorSpec], metadata: Metadata) -> ModelConfiguration {
    var root = json.objectValue ?? []
    let isFlat = json["pretrained_cfg"] == nil
    var cfg = isFlat ? root : json["pretrained_cfg"]?.objectValue ?? []
    let channels = (cfg.value("input_size")?.arrayValue?.first?.intValue) ?? 3
    if let crop = metadata[MetadataKey.crop].flatMap({ Int($0) }), crop > 0 {
      cfg.set("test_input_size", .array([JSON(channels), JSON(crop), JSON(crop)]))
      if let resize = metadata[MetadataKey.resize].flatMap({ Int($0) }), resize >= crop {
        cfg.set("test_crop_pct", JSON(Self.cropShare(crop, of: resize)))
      }
    }
    if let text = metadata[MetadataKey.interpolation] { cfg.set("interpolation", .string(text)) }
    for (key, name) in [(MetadataKey.mean, "mean"), (MetadataKey.std, "std")] {
      guard let numbers = metadata[key]?.split(separator: ",").map({ Double($0) }),
        !numbers.contains(nil), !numbers.isEmpty
      else { continue }
      cfg.set(name, .array(numbers.map { JSON($0!) }))
    }
    if let mode = metadata[MetadataKey.resizeMode], mode == "squash" || mode == "border" {
      cfg.set("crop_mode", .string(mode))
    }
    if isFlat { root = cfg }
    if let classifier = cfg.value("classifier")?.stringValue,
      let weight = tensors.first(where: { $0.name == TensorName(classifier + ".weight") }),
      let classes = weight.shape.first
    {
      let names = metadata[MetadataKey.classes].flatMap { try? JSON.parse(Array($0.utf8)) }
      let isOther = root.value("num_classes")?.intValue != classes
      for key in ["label_names", "label_descriptions", "labels"] where isOther || names != nil {
        root.removeAll { $0.0 == key }
        cfg.removeAll { $0.0 == key }
      }
      root.set("num_classes", JSON(classes))
      cfg.set("num_classes", JSON(classes))
      if let names, names.arrayValue?.count == classes { root.set("label_names", names) }
    }
    if !isFlat { root.set("pretrained_cfg", .object(cfg)) }
    return ModelConfiguration(.object(root))
  }

  /// A share of few digits from which `floor(crop / share)` gives `resize` again.
  private static func cropShare(_ crop: Int, of resize: Int) -> Double {
    let exact = Double(crop) / Double(resize)
    var scale = 100.0
    while scale < 1e9 {
      for numerator in [(exact * scale).rounded(), (exact * scale).rounded(.down)] where numerator > 0 {
        let share = numerator / scale
        if Int((Double(crop) / share).rounded(.down)) == resize { return share }
      }
      scale *= 10
    }
    return exact
  }
}

extension [(String, JSON)] {
  fileprivate func value(_ key: String) -> JSON? { first { TensorName($0.0) == TensorName(key) }?.1 }

  fileprivate mutating func set(_ key: String, _ value: JSON) {
    if let index = firstIndex(where: { TensorName($0.0) == TensorName(key) }) {
      self[index].1 = value
    } else {
      append((key, value))
    }
  }
}
