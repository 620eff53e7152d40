import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import NetworkGraphs

/// Networks under the names of repositories other than torchvision's and timm's.
struct NamingTests {
  private func checkpoint(_ golden: String) throws -> MemoryCheckpoint {
    try #require(FamilyGolden.all.first { $0.testDescription == golden }).checkpoint()
  }

  private func error(_ checkpoint: MemoryCheckpoint, _ architecture: String?) throws -> NetworkError {
    try #require(throws: NetworkError.self) {
      _ = try NetworkDescription(checkpoint, architecture: architecture)
    }
  }

  @Test(arguments: ["efficientnet-lite0", "tf_efficientnet_lite0", nil])
  func efficientNetPyTorchIsThePort(name: String?) throws {
    let description = try NetworkDescription(checkpoint("efficientnet-lite-pytorch"), architecture: name)
    #expect(description.architectureName == "tf_efficientnet_lite0")
    #expect(description.classCount == 10)
    // Its padding is a convention that is said only where nobody named the network.
    #expect((description.assumption == nil) == (name != nil))
  }

  @Test(arguments: [
    "efficientnet_lite0", "efficientnet_b0", "efficientnet-b0", "efficientnet-lite1", "resnet18",
  ])
  func refusesOtherNamesForEfficientNetPyTorch(name: String) throws {
    #expect(
      try error(checkpoint("efficientnet-lite-pytorch"), name)
        == .otherArchitecture(label: "memory", requested: name, found: "tf_efficientnet_lite0"))
  }

  @Test func refusesChangedEfficientNetPyTorch() throws {
    let whole = try checkpoint("efficientnet-lite-pytorch")
    let scale = TensorValue(f32: [1], shape: [1])
    #expect(
      try error(whole.replacing(["_blocks.3.scale": scale]), nil)
        == .leftoverTensors(
          label: "memory", architecture: "tf_efficientnet_lite0", names: ["_blocks.3.scale"], count: 1))
    guard case .unknownArchitecture = try error(whole.removing("_blocks.15._depthwise_conv.weight"), nil)
    else {
      Issue.record("fifteen blocks are no published depth")
      return
    }
    // Another width than the published one.
    let fewer = TensorValue(f32: Array(repeating: 0, count: 640 * 320), shape: [640, 320, 1, 1])
    guard case .unknownArchitecture = try error(whole.replacing(["_conv_head.weight": fewer]), nil) else {
      Issue.record("a head of 640 is not published")
      return
    }
  }

  @Test(arguments: [nil, "repvgg_a0"])
  func saysThatBranchesAreMerged(name: String?) throws {
    let weight = TensorValue(f32: Array(repeating: 0, count: 8 * 3 * 9), shape: [8, 3, 3, 3])
    let bias = TensorValue(f32: Array(repeating: 0, count: 8), shape: [8])
    let merged = MemoryCheckpoint(["stem.reparam_conv.weight": weight, "stem.reparam_conv.bias": bias])
    #expect(
      try error(merged, name) == .mergedBranches(label: "memory", tensor: "stem.reparam_conv.weight"))
  }

  /// timm records the pooling of every network, its own too.
  @Test(arguments: [("vit", "token", "avg"), ("resnet-cifar-layers", "avg", "max")])
  func recordedPoolingIsCompared(golden: String, own: String, other: String) throws {
    let folder = try TemporaryFolder()
    let whole = try checkpoint(golden)
    let architecture = golden == "vit" ? "test_vit" : "resnet18-cifar"
    func description(_ pooling: String, of path: String) throws -> NetworkDescription {
      let configuration =
        #"{"architecture": "\#(architecture)", "model_args": {"global_pool": "\#(pooling)", "num_classes": 10}}"#
      try Data(configuration.utf8).write(to: URL(fileURLWithPath: folder.file("config.json")))
      return try NetworkDescription(recordedIn: openCheckpoint(.path(path)))
    }
    try writeCheckpoint(
      Dictionary(uniqueKeysWithValues: whole.tensors.map { ($0.name, try whole.value($0.name)) }),
      metadata: Metadata(), to: .path(folder.file("model.safetensors")))
    #expect(try description(own, of: folder.path).evidence == .record("config.json"))
    #expect(
      throws: NetworkError.recordedArguments(
        label: folder.file("model.safetensors"), name: architecture, source: "config.json",
        arguments: ["global_pool=\(other)"])
    ) { try description(other, of: folder.path) }
    // The metadata of an output say the same.
    _ = try description(own, of: folder.path)
    let standalone = try openCheckpoint(.path(folder.path)).standaloneMetadata
    #expect(
      standalone[MetadataKey.architecture] == architecture + (own == "avg" ? "" : " global_pool=\(own)"))
    try writeCheckpoint(
      Dictionary(uniqueKeysWithValues: whole.tensors.map { ($0.name, try whole.value($0.name)) }),
      metadata: standalone, to: .path(folder.file("alone.st")))
    let alone = try NetworkDescription(recordedIn: openCheckpoint(.path(folder.file("alone.st"))))
    #expect(alone.architectureName == architecture && alone.evidence == .record("ckpt.arch"))
  }

  /// Only a network that pools where the plain one strides is published with these tensors.
  @Test func refusesTensorsOfRareNetworksAlone() throws {
    var maker = StateDictMaker()
    for (name, inputs, outputs) in [("conv1.0", 3, 32), ("conv1.3", 32, 32), ("conv1.6", 32, 64)] {
      maker.convolution(name, outputs, inputs, 3)
    }
    maker.batchNorm("conv1.1", 32)
    maker.batchNorm("conv1.4", 32)
    maker.batchNorm("bn1", 64)
    var channels = 64
    for (stage, count) in [3, 4, 6, 3].enumerated() {
      for index in 0..<count {
        let (name, width) = ("layer\(stage + 1).\(index)", 64 << stage)
        // Of later blocks only the number matters.
        let isFirst = index == 0
        maker.tensor("\(name).conv1.weight", isFirst ? [width, channels, 1, 1] : [1])
        guard isFirst else { continue }
        maker.tensor("\(name).conv2.weight", [width, width, 3, 3])
        maker.tensor("\(name).conv3.weight", [4 * width, width, 1, 1])
        maker.tensor("\(name).downsample.1.weight", [4 * width, channels, 1, 1])
        maker.tensor("\(name).se.fc1.weight", [16, 4 * width, 1, 1])
        channels = 4 * width
      }
    }
    maker.linear("fc", 5, channels)
    let doubt = NetworkError.ambiguous(label: "memory", candidates: ["seresnetaa50d"])
    #expect(try error(MemoryCheckpoint(maker.values), nil) == doubt)
  }

  /// What no tensor shows, pretrained weights of torchvision's expect.
  @Test func inputsAreTransformedByGoogLeNetAlone() throws {
    #expect(try NetworkDescription(checkpoint("googlenet")).transformsInput)
    #expect(try !NetworkDescription(checkpoint("densenet")).transformsInput)
  }

  @Test(arguments: [
    ("resnet-cifar-layers", "resnet18-cifar"), ("resnet-cifar-sequences", "resnet-cifar"),
  ])
  func networksForSmallImagesMustBeNamed(golden: String, name: String) throws {
    let checkpoint = try checkpoint(golden)
    let doubt = NetworkError.ambiguous(label: "memory", candidates: [name])
    #expect(try error(checkpoint, nil) == doubt)
    // The name of the network for large images, as training scripts record it, decides nothing.
    #expect(try error(checkpoint, "resnet18") == doubt)
    #expect(try error(checkpoint, "resnet34-cifar") != doubt)
    let description = try NetworkDescription(checkpoint, architecture: name)
    #expect(description.architectureName == name)
    #expect(try description.multiplyAdds(height: 32, width: 32) > 0)
  }

  /// Shortcuts without weights, which pad with zeros, do not show how they do so.
  @Test func refusesShortcutsWithoutWeights() throws {
    var checkpoint = try checkpoint("resnet-cifar-layers")
    for spec in checkpoint.tensors where spec.name.string.contains("shortcut") {
      checkpoint = checkpoint.removing(spec.name)
    }
    guard case .unknownArchitecture = try error(checkpoint, nil) else {
      Issue.record("nothing tells the shortcuts")
      return
    }
    // A name does not tell them either.
    _ = try error(checkpoint, "resnet18-cifar")
  }
}
