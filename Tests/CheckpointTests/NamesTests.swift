import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Names without what wrappers put into them, whatever the format.
@Suite struct NamesTests {
  private static func value(_ x: Float) -> TensorValue { TensorValue(f32: [x], shape: [1]) }

  enum Form: CaseIterable { case safetensors, compressed, sharded, pytorch }

  private func open(
    _ tensors: [TensorName: TensorValue], as form: Form, in folder: TemporaryFolder
  ) throws -> any CheckpointSource {
    var options = WriteOptions()
    options.format = form == .pytorch ? .pytorch : .safetensors
    options.compress = form == .compressed
    options.maxShardBytes = form == .sharded ? 1 : nil
    try ContainerTests.write(tensors, to: folder.file("\(form)"), options: options)
    return try openCheckpoint(.path(folder.file("\(form)")))
  }

  @Test(arguments: Form.allCases) func wrappersComeOffInEveryFormat(_ form: Form) throws {
    let folder = try TemporaryFolder()
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module."] {
      let source = try open(
        [
          TensorName("\(prefix)fc.weight"): Self.value(1),
          TensorName("\(prefix)layer._orig_mod.w"): Self.value(2),
          TensorName("\(prefix)module.b"): Self.value(3),
        ], as: form, in: folder)
      #expect(Set(source.tensors.map(\.name)) == ["fc.weight", "layer.w", "module.b"])
      #expect(source.origin.wrapper == prefix)
      #expect(try source.value("layer.w").floats() == [2])
      #expect(source.storedByteCount("fc.weight") == 4)
    }
    let partial = try open(["module.a": Self.value(1), "b": Self.value(2)], as: form, in: folder)
    #expect(Set(partial.tensors.map(\.name)) == ["module.a", "b"])
    let structural = try open(["model.a": Self.value(1), "model.b": Self.value(2)], as: form, in: folder)
    #expect(Set(structural.tensors.map(\.name)) == ["model.a", "model.b"])
  }

  @Test(arguments: Form.allCases) func countersOfAveragedModelsComeOff(_ form: Form) throws {
    let folder = try TemporaryFolder()
    let source = try open(
      [
        "n_averaged": TensorValue(i64: [5], shape: []), "module.w": Self.value(1),
        "module.n_averaged.b": Self.value(1),
      ], as: form, in: folder)
    #expect(Set(source.tensors.map(\.name)) == ["w", "n_averaged.b"])
    #expect(source.origin.averagedModelCount == 5)
    let own = try open(
      ["n_averaged": TensorValue(i64: [5], shape: []), "w": Self.value(1)], as: form, in: folder)
    #expect(own.tensors.count == 2)
    #expect(own.origin.averagedModelCount == nil)
  }

  @Test(arguments: Form.allCases) func collisionsAreErrors(_ form: Form) throws {
    let folder = try TemporaryFolder()
    #expect(throws: CheckpointError.self) {
      try open(["a._orig_mod.w": Self.value(1), "a.w": Self.value(2)], as: form, in: folder)
    }
  }

  @Test func aNameOfNothingButWrappersTakesLinearTime() throws {
    let many = String(repeating: "module.", count: 200_000)
    let specs = ["a", "b"].map { spec(TensorName(many + $0), .f32, [1]) }
    let names = UnwrappedNames(specs)
    #expect(names.names == ["a", "b"])
    #expect(names.wrapper.utf8.count == many.utf8.count)
  }

  @Test func viewsShowTheNetworkBehindAPrefix() throws {
    let folder = try TemporaryFolder()
    let lightning = try open(
      [
        "model.conv1.weight": Self.value(1), "model.fc.bias": Self.value(2),
        "criterion.weight": Self.value(3),
      ],
      as: .pytorch, in: folder)
    let view = try #require(networkViews(of: lightning).first)
    #expect(view.prefix == "model.")
    #expect(Set(view.tensors.map(\.name)) == ["conv1.weight", "fc.bias", "criterion.weight"])
    #expect(view.fileName(of: "fc.bias") == "model.fc.bias")
    #expect(view.fileName(of: "criterion.weight") == "criterion.weight")

    // Written under the names of the file, whatever belongs to the network.
    try rewriteCheckpoint(
      view, replacing: ["fc.bias": Self.value(9)], metadata: view.metadata, to: .path(folder.file("out")))
    let written = try openCheckpoint(.path(folder.file("out")))
    #expect(try written.value("model.fc.bias").floats() == [9])
    #expect(try written.value("criterion.weight").floats() == [3])
    #expect(written.tensors.count == 3)

    let mmpretrain = try open(
      [
        "backbone.conv1.weight": Self.value(1), "backbone.bn1.weight": Self.value(1),
        "head.fc.weight": Self.value(2),
      ], as: .safetensors, in: folder)
    #expect(
      Set(networkViews(of: mmpretrain)[0].tensors.map(\.name)) == ["conv1.weight", "bn1.weight", "fc.weight"])

    let moco = try open(
      [
        "module.encoder_q.conv1.weight": Self.value(1), "module.encoder_q.fc.weight": Self.value(1),
        "module.encoder_k.conv1.weight": Self.value(2), "module.encoder_k.fc.weight": Self.value(2),
        "module.queue": Self.value(3), "module.queue_ptr": Self.value(3),
      ], as: .pytorch, in: folder)
    #expect(networkViews(of: moco)[0].tensors.map(\.name).sorted() == ["conv1.weight", "fc.weight"])

    let nested = try open(
      ["state.model.backbone.a.w": Self.value(1), "state.model.backbone.b.w": Self.value(1)],
      as: .safetensors,
      in: folder)
    #expect(networkViews(of: nested).map(\.prefix).contains("state.model.backbone."))
    // No view where two tensors would have one name.
    let colliding = try open(
      ["model.a.w": Self.value(1), "model.b.w": Self.value(1), "a.w": Self.value(2)], as: .safetensors,
      in: folder)
    #expect(networkViews(of: colliding).isEmpty)
  }

  @Test func pytorchFilesCarryMetadata() throws {
    let folder = try TemporaryFolder()
    var options = WriteOptions()
    options.format = .pytorch
    let metadata = Metadata(["ckpt.crop": "288", "ckpt.history": "[{\"tool\":\"é\"}]", "other": ""])
    let writer = try CheckpointWriter(
      to: .path(folder.file("x.pth")), tensors: [spec("w", .f32, [1])], metadata: Metadata(["a": "b"]),
      options: options)
    try writer.write(Self.value(1))
    try writer.finish(metadata: metadata)
    let source = try openCheckpoint(.path(folder.file("x.pth")))
    #expect(source.metadata == metadata)
    #expect(source.tensors.count == 1)
    try ContainerTests.write(["w": Self.value(1)], to: folder.file("y.pth"), options: options)
    #expect(try openCheckpoint(.path(folder.file("y.pth"))).metadata.isEmpty)
  }

  @Test func placementsOfPyTorchFilesAreThoseOfTheData() throws {
    let folder = try TemporaryFolder()
    let source = try open(["a": Self.value(7), "b": Self.value(8)], as: .pytorch, in: folder)
    let bytes = try folder.read("pytorch")
    for (name, value) in [("a", Float(7)), ("b", 8)] {
      let place = try #require(source.placement(of: TensorName(name)))
      #expect(Array(bytes[place.offset..<place.offset + 4]) == Self.value(value).bytes)
    }
  }

  @Test(arguments: [
    ("a.pth", WriteOptions.Format.pytorch), ("dir.x/a.PT", .pytorch), ("a.ckpt", .pytorch),
    ("a.bin", .pytorch), ("last.pth.tar", .pytorch), ("a.safetensors", .safetensors), ("a.st", .safetensors),
    ("a", .safetensors), ("dir.x/a", .safetensors), ("/dev/fd/63", .safetensors), (".hidden", .safetensors),
    ("ema-0.999", .safetensors), ("a.npz", .npz),
  ])
  func suffixesNameFormats(_ path: String, _ format: WriteOptions.Format) {
    #expect(WriteOptions.Format(suffixOf: path) == format)
  }

  @Test(arguments: ["a.onnx", "a.h5", "plot.pdf", "a.tar", "a.pth.gz", "a."])
  func otherSuffixesNameNone(_ path: String) { #expect(WriteOptions.Format(suffixOf: path) == nil) }
}
