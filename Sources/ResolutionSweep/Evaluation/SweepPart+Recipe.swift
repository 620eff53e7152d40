import Checkpoint
import ImageData

extension SweepPart.Recipe {
  var json: JSON {
    .object([
      ("data", .string(dataset)), ("images", JSON(imageCount)),
      ("checkpoints", .array(checkpoints.map(JSON.string))), ("digests", .array(digests.map(JSON.string))),
      ("multiply_adds", .array(multiplyAdds.map { JSON($0) })), ("settings", .array(settings.map(\.json))),
    ])
  }

  init?(_ json: JSON) {
    guard let dataset = json["data"]?.stringValue, let imageCount = json["images"]?.intValue,
      (1...Int(Int32.max)).contains(imageCount),
      let checkpoints = json["checkpoints"]?.arrayValue?.compactMap(\.stringValue),
      let digests = json["digests"]?.arrayValue?.compactMap(\.stringValue),
      let multiplyAdds = json["multiply_adds"]?.arrayValue?.compactMap(\.intValue),
      let entries = json["settings"]?.arrayValue, !entries.isEmpty, !checkpoints.isEmpty
    else { return nil }
    let settings = entries.compactMap(Setting.init)
    guard settings.count == entries.count, multiplyAdds.count == entries.count,
      settings.allSatisfy({ $0.networks.allSatisfy(checkpoints.indices.contains) })
    else { return nil }
    self.init(
      dataset: dataset, imageCount: imageCount, checkpoints: checkpoints, digests: digests,
      settings: settings, multiplyAdds: multiplyAdds)
  }
}

extension Setting {
  var json: JSON {
    .object([
      ("networks", .array(networks.map { JSON($0) })), ("views", .string(views.rawValue)),
      (
        "preprocessing",
        .object(preprocessing.metadataEntries.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
      ),
    ])
  }

  init?(_ json: JSON) {
    guard let networks = json["networks"]?.arrayValue?.compactMap(\.intValue), !networks.isEmpty,
      let views = json["views"]?.stringValue.flatMap(CropViews.init),
      let entries = json["preprocessing"],
      let preprocessing = try? Preprocessing(metadata: { entries[$0]?.stringValue }, source: "")
    else { return nil }
    self.init(networks: networks, preprocessing: preprocessing, views: views)
  }
}
