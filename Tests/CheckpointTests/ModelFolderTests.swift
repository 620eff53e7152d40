import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Folders of `config.json` and weights, single files of sets, links of the Hugging Face cache.
@Suite struct ModelFolderTests {
  private static let config = """
    {"architecture": "resnet18", "num_classes": 2, "num_features": 512, "label_names": ["cat", "dog"],
     "pretrained_cfg": {"tag": "a1_in1k", "input_size": [3, 224, 224], "test_input_size": [3, 288, 288],
     "interpolation": "bicubic", "crop_pct": 0.95, "test_crop_pct": 1.0, "crop_mode": "center",
     "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "num_classes": 2, "classifier": "fc"}}
    """

  private static func value(_ x: Float) -> TensorValue { TensorValue(f32: [x], shape: [1]) }

  private func write(_ x: Float, to path: String) throws {
    var options = WriteOptions()
    options.format = WriteOptions.Format(suffixOf: path) ?? .safetensors
    try ContainerTests.write(["fc.weight": Self.value(x)], to: path, options: options)
  }

  private func makeFolder(config: String? = Self.config) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    if let config { try folder.write(Array(config.utf8), to: "config.json") }
    return folder
  }

  @Test func weightsAreTakenInTheOrderOfTimm() throws {
    let folder = try makeFolder()
    var expected: Float = 0
    for name in ["model.pth", "pytorch_model.pth", "pytorch_model.bin", "model.safetensors"] {
      expected += 1
      try write(expected, to: folder.file(name))
      for path in [folder.path, folder.path + "/"] {
        #expect(try openCheckpoint(.path(path)).value("fc.weight").floats() == [expected])
      }
    }
  }

  @Test func configurationTellsTheModel() throws {
    let folder = try makeFolder()
    try write(1, to: folder.file("model.safetensors"))
    var expected = RecordedModel(source: .configuration)
    expected.architecture = "resnet18"
    expected.classCount = 2
    expected.classNames = ["cat", "dog"]
    expected.preprocessing.inputSize = [3, 288, 288]
    expected.preprocessing.cropShare = 1
    expected.preprocessing.cropMode = "center"
    expected.preprocessing.interpolation = "bicubic"
    expected.preprocessing.mean = [0.485, 0.456, 0.406]
    expected.preprocessing.std = [0.229, 0.224, 0.225]
    for path in [folder.path, folder.file("model.safetensors")] {
      #expect(try openCheckpoint(.path(path)).origin.model == expected)
    }
    // A file of another name has nothing to do with the configuration beside it.
    try write(1, to: folder.file("epoch-3.safetensors"))
    #expect(try openCheckpoint(.path(folder.file("epoch-3.safetensors"))).origin.model == nil)
  }

  @Test func flatConfigurationsOfOlderFiles() throws {
    let folder = try makeFolder(
      config:
        "{\"architecture\": \"vgg11\", \"input_size\": [3, 32, 32], \"crop_pct\": 0.875, \"labels\": [\"a\"]}"
    )
    try write(1, to: folder.file("pytorch_model.bin"))
    let model = try #require(try openCheckpoint(.path(folder.path)).origin.model)
    #expect(model.architecture == "vgg11")
    #expect(model.preprocessing.inputSize == [3, 32, 32])
    #expect(model.preprocessing.cropShare == 0.875)
    #expect(model.classNames == ["a"])
  }

  /// Arguments of the constructor decide what a network computes, though no tensor shows them.
  @Test(arguments: [
    (#"{"bn_eps": 0.001}"#, ["bn_eps=0.001"]), (#"{"global_pool": ["max"]}"#, [#"global_pool=["max"]"#]),
    (#"{"global_pool": "avg", "drop_rate": 0.2, "num_classes": 7, "in_chans": 3, "act_layer": null}"#, []),
    (#"{"block_args": {"attn_layer": "eca"}, "drop_path_rate": 0.1}"#, [#"block_args={"attn_layer":"eca"}"#]),
    ("{}", []), ("7", []),
  ])
  func argumentsOfTheConfigurationThatDecide(arguments: String, expected: [String]) throws {
    let folder = try makeFolder(config: #"{"architecture": "resnet18", "model_args": \#(arguments)}"#)
    try write(1, to: folder.file("model.safetensors"))
    #expect(try openCheckpoint(.path(folder.path)).origin.model?.arguments == expected)
  }

  @Test func foldersThatAreNoModel() throws {
    let series = try makeFolder(config: nil)
    try write(1, to: series.file("model.safetensors"))
    #expect(throws: CheckpointError.directoryWithoutIndex(path: series.path)) {
      try openCheckpoint(.path(series.path))
    }
    let broken = try makeFolder(config: "{")
    try write(1, to: broken.file("model.safetensors"))
    #expect(throws: CheckpointError.self) { try openCheckpoint(.path(broken.path)) }
    // Beside a file that was asked for it may belong to anything.
    #expect(try openCheckpoint(.path(broken.file("model.safetensors"))).origin.model == nil)
  }

  @Test func linksOfTheHuggingFaceCache() throws {
    let cache = try TemporaryFolder()
    let (blobs, snapshot) = (cache.file("blobs"), cache.file("snapshots/abc"))
    for path in [blobs, snapshot] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    try write(1, to: blobs + "/one")
    try ContainerTests.write(
      ["b.weight": Self.value(2)], to: blobs + "/two", options: WriteOptions())
    let index = """
      {"weight_map": {"fc.weight": "model-00001-of-00002.safetensors", "b.weight": "model-00002-of-00002.safetensors"}}
      """
    try Data(index.utf8).write(to: URL(fileURLWithPath: blobs + "/index"))
    for (name, blob) in [
      ("model-00001-of-00002.safetensors", "one"), ("model-00002-of-00002.safetensors", "two"),
      ("model.safetensors.index.json", "index"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(snapshot)/\(name)", withDestinationPath: "../../blobs/\(blob)")
    }
    for path in [snapshot, snapshot + "/model.safetensors.index.json"] {
      #expect(try openCheckpoint(.path(path)).tensors.map(\.name) == ["fc.weight", "b.weight"])
    }
    let shard = snapshot + "/model-00001-of-00002.safetensors"
    #expect(
      throws: CheckpointError.partOfCheckpoint(path: shard, reason: "is one file of a sharded set")
    ) { try openCheckpoint(.path(shard)) }
    var options = OpenOptions()
    options.acceptsParts = true
    #expect(try openCheckpoint(.path(shard), options: options).tensors.count == 1)
    // The only file of a set is the whole.
    try write(3, to: cache.file("model-00001-of-00001.safetensors"))
    #expect(try openCheckpoint(.path(cache.file("model-00001-of-00001.safetensors"))).tensors.count == 1)
  }

  @Test func foldersAreContinuedWithTheChosenSize() throws {
    let folder = try makeFolder()
    try ContainerTests.write(
      ["fc.weight": TensorValue(f32: [1, 2, 3], shape: [3, 1])], to: folder.file("model.safetensors"),
      options: WriteOptions())
    let source = try openCheckpoint(.path(folder.path))
    var metadata = source.metadata
    for (key, value) in [
      (MetadataKey.crop, "320"), (MetadataKey.resize, "366"), (MetadataKey.interpolation, "bilinear"),
      (MetadataKey.mean, "0.5,0.5,0.5"),
    ] { metadata[key] = value }
    let out = folder.file("out")
    try rewriteCheckpoint(source, replacing: [:], metadata: metadata, to: .path(out + "/"))
    let json = try JSON.parse(try folder.read("out/config.json"))
    #expect(json["architecture"] == .string("resnet18"))
    #expect(json["num_classes"] == JSON(3))
    #expect(json["label_names"] == nil)
    let cfg = try #require(json["pretrained_cfg"])
    #expect(cfg["input_size"] == .array([JSON(3), JSON(224), JSON(224)]))
    #expect(cfg["test_input_size"] == .array([JSON(3), JSON(320), JSON(320)]))
    let share = try #require(cfg["test_crop_pct"]?.doubleValue)
    #expect(Int((320 / share).rounded(.down)) == 366)
    #expect(cfg["interpolation"] == .string("bilinear"))
    #expect(cfg["mean"] == .array([.number("0.5"), .number("0.5"), .number("0.5")]))
    #expect(cfg["std"]?.arrayValue?.count == 3)
    #expect(try openCheckpoint(.path(out)).value("fc.weight").floats() == [1, 2, 3])

    let plain = try TemporaryFolder()
    try write(1, to: plain.file("x.safetensors"))
    #expect(throws: CheckpointError.self) {
      try rewriteCheckpoint(
        try openCheckpoint(.path(plain.file("x.safetensors"))), replacing: [:], metadata: Metadata(),
        to: .path(plain.file("out/")))
    }
    #expect(!FileManager.default.fileExists(atPath: plain.file("out")))
  }
}
