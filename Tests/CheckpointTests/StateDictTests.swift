import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Which tensors of a training script's file are taken.
@Suite struct StateDictTests {
  private let torch = TorchTests()

  private static func dict(_ names: [String]) -> [UInt8] {
    Pickle.dictionary(names.map { ($0, Pickle.tensor()) })
  }

  private static func model(_ prefix: String = "") -> [UInt8] {
    dict(["\(prefix)conv1.weight", "\(prefix)fc.bias"])
  }

  /// A pickled object: `class()` with a state.
  private static func object(_ name: String, _ state: [(String, [UInt8])]) -> [UInt8] {
    Array("c\(name)\n)".utf8) + [0x81] + Pickle.dictionary(state) + [0x62]
  }

  private func open(_ members: [(String, [UInt8])], key: String? = nil) throws -> any CheckpointSource {
    let folder = try TemporaryFolder()
    var options = OpenOptions()
    options.key = key
    let path = try folder.write(
      try torch.file(Pickle.dictionary(members), in: folder), to: "x")
    return try openCheckpoint(.path(path), options: options)
  }

  private func candidates(_ members: [(String, [UInt8])]) throws -> [String]? {
    do {
      _ = try open(members)
      return nil
    } catch CheckpointError.ambiguousStateDict(_, let keys) { return keys }
  }

  @Test func nestedStateDictBeatsTensorsBesideIt() throws {
    let source = try open([
      ("epoch", Pickle.integer(3)), ("model_state_dict", Self.model()),
      ("optimizer_state_dict", Pickle.dictionary([("state", Self.dict(["0"]))])), ("loss", Pickle.tensor()),
    ])
    #expect(source.tensors.map(\.name) == ["conv1.weight", "fc.bias"])
    #expect(
      source.origin.stateDict
        == StateDictChoice(key: "model_state_dict", reason: .only, isAverage: false, passedOver: []))
    let pytorchCIFAR = try open([
      ("net", Self.model()), ("acc", Pickle.tensor()), ("epoch", Pickle.integer(1)),
    ])
    #expect(pytorchCIFAR.origin.stateDict?.key == "net")
  }

  @Test func flatFilesAreTakenAsTheyAre() throws {
    #expect(
      try open([("a.weight", Pickle.tensor()), ("a.bias", Pickle.tensor())]).origin.stateDict?.key == "")
    #expect(try open([("loss", Pickle.tensor())]).tensors.map(\.name) == ["loss"])
    #expect(
      try open([("loss", Pickle.tensor()), ("model", Self.dict(["w"]))]).tensors.map(\.name) == ["w"])
  }

  @Test func severalOfEqualStandingAreListed() throws {
    #expect(
      try candidates([("model", Self.model()), ("state_dict", Self.model())]) == ["model", "state_dict"])
    #expect(
      try candidates([("generator", Self.model()), ("discriminator", Self.model())])
        == ["generator", "discriminator"])
    #expect(
      try candidates([
        ("a.weight", Pickle.tensor()), ("b.weight", Pickle.tensor()), ("other", Self.model()),
      ]) == ["", "other"])
    #expect(
      try candidates([
        ("model", Self.model()), ("model_ema", Self.model()), ("model_ema2", Self.dict(["a.w", "b.w"])),
        ("swa_model", Self.model()),
      ])?.count == 4)
  }

  @Test(arguments: [
    ("state_dict", "state_dict_ema"), ("model", "model_ema"), ("state_dict", "ema_state_dict"),
    ("model", "ema"), ("params", "params_ema"), ("student", "teacher"), ("model", "swa_model"),
  ])
  func averagedWeightsArePreferred(_ raw: String, _ averaged: String) throws {
    let source = try open([(raw, Self.model("module.")), (averaged, Self.model())])
    #expect(
      source.origin.stateDict
        == StateDictChoice(key: averaged, reason: .averaged, isAverage: true, passedOver: [raw]))
    let asked = try open([(raw, Self.model("module.")), (averaged, Self.model())], key: raw)
    #expect(asked.origin.stateDict?.isAverage == false)
    #expect(asked.tensors.map(\.name) == ["conv1.weight", "fc.bias"])
  }

  @Test func aTeacherOfAnotherArchitectureIsAnotherNetwork() throws {
    #expect(
      try candidates([("student", Self.model()), ("teacher", Self.model("deep."))]) == ["student", "teacher"])
  }

  @Test func mmengineSwapsNamesWhereTheFileProvesIt() throws {
    let meta = Pickle.dictionary([("mmengine_version", Pickle.text("0.10.4"))])
    let swapped = Pickle.dictionary([
      ("steps", Pickle.tensor(shape: [1])), ("module.conv1.weight", Pickle.tensor()),
      ("module.fc.bias", Pickle.tensor()),
    ])
    let told = try open([("meta", meta), ("state_dict", Self.model()), ("ema_state_dict", swapped)])
    #expect(told.origin.stateDict?.key == "state_dict")
    #expect(told.origin.stateDict?.passedOver == ["ema_state_dict"])
    let seen = try open([("state_dict", Self.model()), ("ema_state_dict", swapped)])
    #expect(seen.origin.stateDict?.key == "state_dict")
    let other = try open([("state_dict", Self.model()), ("ema_state_dict", Self.model())])
    #expect(other.origin.stateDict?.key == "ema_state_dict")
  }

  @Test func lightningKeepsTheAverageAsStateDict() throws {
    let source = try open([
      ("state_dict", Self.model("model.")), ("current_model_state", Self.model("model.")),
      ("averaging_state", Self.dict(["n_averaged"])), ("pytorch-lightning_version", Pickle.text("2.6.0")),
    ])
    #expect(
      source.origin.stateDict
        == StateDictChoice(
          key: "state_dict", reason: .averaged, isAverage: true, passedOver: ["current_model_state"]))
    #expect(source.tensors.map(\.name) == ["model.conv1.weight", "model.fc.bias"])
  }

  @Test func copiesOfMMCVAreTwoSets() throws {
    let both = Pickle.dictionary([
      ("conv.weight", Pickle.tensor(shape: [2])), ("ema_conv_weight", Pickle.tensor(offset: 2, shape: [2])),
      ("fc.bias", Pickle.tensor(shape: [1])), ("ema_fc_bias", Pickle.tensor(offset: 3, shape: [1])),
      ("bn.running_mean", Pickle.tensor()),
    ])
    #expect(try candidates([("state_dict", both)]) == ["state_dict/plain", "state_dict/ema"])
    let plain = try open([("state_dict", both)], key: "state_dict/plain")
    #expect(plain.tensors.map(\.name) == ["conv.weight", "fc.bias", "bn.running_mean"])
    #expect(try plain.value("conv.weight").floats() == [1, 2])
    let averaged = try open([("state_dict", both)], key: "state_dict/ema")
    #expect(averaged.tensors.map(\.name) == plain.tensors.map(\.name))
    #expect(try averaged.value("conv.weight").floats() == [3, 4])
    #expect(try averaged.value("fc.bias").floats() == [4])
  }

  @Test func placeholdersOfZeROAreRefused() throws {
    let empty = Pickle.tensor(offset: 0, shape: [0], strides: [1])
    #expect(throws: CheckpointError.self) {
      try open([
        ("module", Pickle.dictionary([("a.weight", empty), ("bn.running_mean", Pickle.tensor())])),
        ("ds_version", Pickle.text("0.14.4")),
      ])
    }
    do {
      _ = try open([("module", Pickle.dictionary([("a.weight", empty), ("b.weight", empty)]))])
      Issue.record("opened")
    } catch CheckpointError.partOfCheckpoint(_, let reason) {
      #expect(reason == "holds no values for 2 of 2 tensors, as DeepSpeed's ZeRO stage 3 leaves them")
    }
  }

  @Test func modulesLeaveOutBuffersTheyDoNotKeep() throws {
    let set = Array("c__builtin__\nset\n".utf8) + [0x5D, 0x28] + Pickle.text("mask") + [0x65, 0x85, 0x52]
    let part = Self.object(
      "torch.nn.modules.batchnorm\nBatchNorm2d",
      [
        ("_parameters", Self.dict(["weight"])), ("_buffers", Self.dict(["running_mean", "mask"])),
        ("_non_persistent_buffers_set", set), ("_modules", Pickle.dictionary([])),
      ])
    let module = Self.object(
      "models.yolo\nModel",
      [
        ("_parameters", Pickle.dictionary([])), ("_buffers", Pickle.dictionary([])),
        ("_modules", Pickle.dictionary([("bn", part), ("act", [0x4E])])),
      ])
    let names: [TensorName] = ["bn.weight", "bn.running_mean"]
    #expect(try open([("model", module), ("ema", module)]).origin.stateDict?.key == "ema")
    let only = try open([("model", [0x4E]), ("ema", module)])
    #expect(only.tensors.map(\.name) == names)
    #expect(only.origin.stateDict?.isAverage == true)
    #expect(try open([("model", module), ("ema", [0x4E])]).tensors.map(\.name) == names)
  }

  @Test func numbersAndTextsAreDifferentKeys() throws {
    let zero = Pickle.integer(0)
    func body(_ keys: [[UInt8]]) -> [UInt8] { [0x7D, 0x28] + keys.flatMap { $0 + Pickle.tensor() } + [0x75] }
    #expect(try torch.load(body([zero, Pickle.text("1")])).keys.sorted() == ["0", "1"])
    #expect(try torch.load(body([zero, zero])).keys.sorted() == ["0"])
    #expect(
      torch.reason(body([zero, Pickle.text("0")]))
        == "tensor \"0\" appears twice, under a number and under a text")
  }

  @Test func twoPicklesAreRefused() throws {
    let folder = try TemporaryFolder()
    let pickle = Pickle.file(Self.model())
    let bytes = try torch.archive(
      [("a/data.pkl", pickle), ("b/data.pkl", pickle), ("a/data/0", TorchTests.storage.bytes)], in: folder)
    let path = try folder.write(bytes, to: "x")
    #expect(
      throws: CheckpointError.malformed(
        path: path,
        reason: "zip: two pickles, \"a/data.pkl\" and \"b/data.pkl\": not a file of torch.save")
    ) { try openCheckpoint(.path(path)) }
  }

  @Test func filesTellTheirModel() throws {
    let namespace = { (members: [(String, [UInt8])]) in Self.object("argparse\nNamespace", members) }
    func list(_ values: [Int32]) -> [UInt8] { [0x5D, 0x28] + values.flatMap(Pickle.integer) + [0x65] }
    let timm = try open([
      ("arch", Pickle.text("resnet18")), ("state_dict", Self.model()),
      (
        "args",
        namespace([
          ("model", Pickle.text("resnet18")), ("img_size", Pickle.integer(176)), ("input_size", [0x4E]),
          ("interpolation", Pickle.text("")), ("num_classes", Pickle.integer(10)), ("mean", list([0, 0, 1])),
        ])
      ),
    ])
    var expected = RecordedModel(source: .timm)
    expected.architecture = "resnet18"
    expected.classCount = 10
    expected.preprocessing.inputSize = [3, 176, 176]
    expected.preprocessing.mean = [0, 0, 1]
    #expect(timm.origin.model == expected)
    let changed = try open([
      ("state_dict", Self.model()),
      (
        "args",
        namespace([
          ("model", Pickle.text("resnet18")), ("gp", Pickle.text("max")), ("bn_eps", [0x4E]),
          ("bn_tf", [0x89]),
          (
            "model_kwargs",
            Pickle.dictionary([("act_layer", Pickle.text("silu")), ("drop_rate", Pickle.integer(0))])
          ),
        ])
      ),
    ])
    #expect(changed.origin.model?.arguments == ["act_layer=silu"])
    #expect(changed.origin.model?.pooling == "max")

    let torchvision = try open([
      ("model", Self.model()),
      (
        "args",
        namespace([
          ("model", Pickle.text("resnet50")), ("val_crop_size", Pickle.integer(224)),
          ("val_resize_size", Pickle.integer(232)), ("interpolation", Pickle.text("bilinear")),
        ])
      ),
    ])
    expected = RecordedModel(source: .torchvision)
    expected.architecture = "resnet50"
    expected.preprocessing.inputSize = [3, 224, 224]
    expected.preprocessing.resize = 232
    expected.preprocessing.interpolation = "bilinear"
    #expect(torchvision.origin.model == expected)
    // Without published weights the script's own normalization is all there is.
    for (key, value): (String, [UInt8]) in [("weights", [0x4E]), ("pretrained", [0x89])] {
      let scratch = try open([
        ("model", Self.model()),
        (
          "args",
          namespace([
            ("model", Pickle.text("inception_v3")), ("val_crop_size", Pickle.integer(299)), (key, value),
          ])
        ),
      ])
      #expect(scratch.origin.model?.preprocessing.mean == [0.485, 0.456, 0.406])
      #expect(scratch.origin.model?.preprocessing.std == [0.229, 0.224, 0.225])
    }

    let lightning = try open([
      ("state_dict", Self.model("net.")),
      (
        "hyper_parameters",
        Pickle.dictionary([("arch", Pickle.text("resnet34")), ("num_classes", Pickle.integer(7))])
      ),
    ])
    #expect(lightning.origin.model?.architecture == "resnet34")
    #expect(lightning.origin.model?.classCount == 7)
    #expect(lightning.origin.model?.source == .lightning)
    #expect(try open([("state_dict", Self.model())]).origin.model == nil)
  }
}
