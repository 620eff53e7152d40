import Checkpoint
import Foundation
import TestSupport
import Testing

/// Names and formats of files as scripts meet them: what a training script put before names, and what `-o` is called.
@Suite struct FileNamesTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func run(_ script: String, status: Int32 = 0) throws -> Tool.Outcome {
    let outcome = try Tool.shell(
      "cd '\(folder.path)'; MODEL='\(Self.model)'; TRAIN='\(Self.train)'; VAL='\(Self.val)'; \(script)")
    #expect(outcome.status == status, "\(script): \(outcome.messages)")
    return outcome
  }

  private func open(_ name: String) throws -> any CheckpointSource {
    try openCheckpoint(.path(folder.file(name)))
  }

  /// Recognised behind the prefix, and written back under the names of the file.
  @Test(arguments: [
    ("model.", "model."), ("backbone.net.", "backbone.net."), ("module.model.", "model."),
    ("_orig_mod.", ""), ("model._orig_mod.", "model."),
  ])
  func prefixesInEveryFormat(_ prefix: String, _ kept: String) throws {
    try run("ckpt-bnfix $MODEL --data $TRAIN --num-images 64 -o plain")
    let plain = try open("plain")
    for suffix in ["safetensors", "pth"] {
      try run(
        """
        ckpt-convert $MODEL --rename '^(.*)$=\(prefix)$1' -o in.\(suffix) &&
        ckpt-bnfix in.\(suffix) --data $TRAIN --num-images 64 -o out.\(suffix)
        """)
      let out = try open("out.\(suffix)")
      #expect(Set(out.tensors.map(\.name.string)) == Set(plain.tensors.map { kept + $0.name.string }))
      for spec in plain.tensors {
        #expect(
          try out.value(TensorName(kept + spec.name.string)).bytes == plain.value(spec.name).bytes,
          "\(prefix) \(suffix) \(spec.name)")
      }
      #expect(out.metadata["ckpt.bn"] == "recalibrated")
    }
  }

  @Test func refusesTensorsThatTheNetworkWouldIgnore() throws {
    let source = try openCheckpoint(.path(Self.model))
    var tensors: [TensorName: TensorValue] = ["normalize.mean": TensorValue(f32: [1, 2, 3], shape: [3])]
    for spec in source.tensors {
      tensors[TensorName("net." + spec.name.string)] = try source.value(spec.name)
    }
    try writeCheckpoint(tensors, metadata: source.metadata, to: .path(folder.file("in")))
    let outcome = try run("ckpt-bnfix in --data $TRAIN --num-images 32 -o out", status: 65)
    #expect(outcome.messages.contains("\"normalize.mean\""))
  }

  @Test func pytorchFilesBetweenStagesGiveTheSameResult() throws {
    for suffix in ["safetensors", "pth", "pt", "ckpt", "bin", "pth.tar"] {
      try run(
        """
        ckpt-bnfix $MODEL --data $TRAIN --num-images 64 --crop 48 -o a.\(suffix) &&
        ckpt-sweep a.\(suffix) --data $VAL --as-recorded --format json > \(suffix).json
        """)
    }
    let expected = try folderText("safetensors.json")
    for suffix in ["pth", "pt", "ckpt", "bin", "pth.tar"] {
      #expect(
        try folderText("\(suffix).json") == expected.replacing("a.safetensors", with: "a.\(suffix)"),
        "\(suffix)")
      #expect(try open("a.\(suffix)").metadata == open("a.safetensors").metadata)
    }
    try run(
      "ckpt-average '\(Fixtures.path("run"))'/epoch-10[0-4].safetensors -o mean.pth && ckpt-average '\(Fixtures.path("run"))'/epoch-10[0-4].safetensors -o mean"
    )
    #expect(try open("mean.pth").metadata == open("mean").metadata)
  }

  private func folderText(_ name: String) throws -> String {
    try String(contentsOfFile: folder.file(name), encoding: .utf8)
  }

  @Test(arguments: [
    "ckpt-average $MODEL", "ckpt-bnfix $MODEL --data $TRAIN", "ckpt-fixres $MODEL --data $TRAIN",
    "ckpt-sweep $MODEL --data $VAL", "ckpt-convert $MODEL",
  ])
  func otherSuffixesAreRefusedBeforeTheWork(_ command: String) throws {
    for name in ["out.onnx", "out.h5", "out.pdf"] {
      let outcome = try run("\(command) -o \(name)", status: 64)
      #expect(outcome.messages.contains("unknown output suffix"), "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1)
    }
    try run("\(command) --compress -o out.pth", status: 64)
    #expect(try folder.listing().isEmpty)
  }

  @Test func modelFoldersAreContinued() throws {
    try FileManager.default.createDirectory(atPath: folder.file("in"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: Self.model, toPath: folder.file("in/model.safetensors"))
    try #"{"architecture":"resnet18","pretrained_cfg":{"input_size":[3,32,32],"classifier":"fc"}}"#.write(
      toFile: folder.file("in/config.json"), atomically: true, encoding: .utf8)
    try run("ckpt-bnfix in --data $TRAIN --num-images 32 --resize 40 --crop 36 -o out/")
    #expect(try folder.listing() == ["in", "out"])
    let json = try JSON.parse(Array(folderText("out/config.json").utf8))
    #expect(json["pretrained_cfg"]?["test_input_size"] == .array([JSON(3), JSON(36), JSON(36)]))
    #expect(json["pretrained_cfg"]?["test_crop_pct"] == JSON(0.9))
    #expect(json["num_classes"] == JSON(10))
    #expect(try open("out").metadata["ckpt.bn"] == "recalibrated")
    #expect(
      try run("ckpt-bnfix $MODEL --data $TRAIN --num-images 32 -o new/", status: 64).messages.contains(
        "config.json"))
    #expect(try folder.listing() == ["in", "out"])
  }

  @Test func oneFileOfASetIsRefused() throws {
    try run("ckpt-convert $MODEL --max-shard-size 200KB -o set")
    let shard = try #require(
      FileManager.default.contentsOfDirectory(atPath: folder.file("set")).sorted().first)
    let outcome = try run("ckpt-average set/\(shard) -o out", status: 65)
    #expect(outcome.messages.hasSuffix("is one file of a sharded set; name its folder or the index\n"))
    try run("ckpt-info set/\(shard) && ckpt-info verify set/\(shard)")
  }
}
