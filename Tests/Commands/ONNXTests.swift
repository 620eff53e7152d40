import Checkpoint
import Foundation
import TestSupport
import Testing

/// The tools with the fixtures' network described by ONNX files, which leave the weights to the checkpoints.
@Suite struct ONNXTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let files = ["digits-torchscript", "digits-dynamo"]

  private func run(_ tool: String, _ arguments: [String], arch: String?, to path: String) throws
    -> Tool.Outcome
  {
    let description = arch.map { ["--arch", Fixtures.path("onnx/\($0).onnx")] } ?? []
    let outcome = try Tool.run(tool, [Self.model] + arguments + description + ["-o", path])
    #expect(outcome.status == 0, "\(outcome.messages)")
    return outcome
  }

  @Test(arguments: [
    ("ckpt-bnfix", ["--data", "digits/train", "--crop", "32", "--num-batches", "3", "--quiet"]),
    (
      "ckpt-bnfix",
      ["--data", "digits/train", "--crop", "32", "--num-batches", "3", "--sync", "layer", "--quiet"]
    ),
    ("ckpt-fixres", ["--data", "digits/val", "--crop", "40", "--epochs", "2", "--quiet"]),
    ("ckpt-sweep", ["--data", "digits/val", "--crop", "32,40", "--quiet"]),
  ])
  func theToolsAgreeWithTheRecognisedNetwork(tool: String, arguments: [String]) throws {
    let folder = try TemporaryFolder()
    let arguments = arguments.map { $0.hasPrefix("digits/") ? Fixtures.path($0) : $0 }
    let expected = try run(tool, arguments, arch: nil, to: folder.file("native"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("native")))
    for file in Self.files {
      let found = try run(tool, arguments, arch: file, to: folder.file(file))
      #expect(found.output == expected.output)
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file(file))) == bytes, "\(file)")
    }
  }

  @Test func anONNXFileAloneIsCheckpointAndNetwork() throws {
    let folder = try TemporaryFolder()
    let file = Fixtures.root.deletingLastPathComponent().appendingPathComponent(
      "fixtures/goldens/NetworkGraphs/onnx/mobile-dynamo-20.onnx"
    ).path
    let outcome = try Tool.run(
      "ckpt-bnfix",
      [
        file, "--data", Fixtures.path("digits/val"), "--crop", "32", "--num-images", "16", "-o",
        folder.file("out"),
      ])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let written = try openCheckpoint(.path(folder.file("out")))
    #expect(written.spec("last.running_mean")?.shape == [12])
    #expect(written.spec("fc.weight")?.shape == [5, 12])
    let again = try Tool.run(
      "ckpt-bnfix",
      [
        folder.file("out"), "--arch", file, "--data", Fixtures.path("digits/val"), "--crop", "32",
        "--num-images",
        "16", "-o", folder.file("again"),
      ])
    #expect(again.status == 0, "\(again.messages)")
    let list = try Tool.run("ckpt-info", ["list", file])
    #expect(list.status == 0 && list.text.contains("last.running_var"))
  }

  @Test func refusesWhatAnONNXFileDoesNotDescribe() throws {
    let folder = try TemporaryFolder()
    let data = ["--data", Fixtures.path("digits/val"), "-o", folder.file("out")]
    func bnfix(_ arguments: [String]) throws -> Tool.Outcome { try Tool.run("ckpt-bnfix", arguments + data) }
    let goldens = Fixtures.path("goldens/NetworkGraphs/onnx")
    let other = try bnfix([Self.model, "--arch", goldens + "/mobile-dynamo-20.onnx"])
    #expect(other.status == 65)
    #expect(other.messages.contains("is missing, which"))
    let folded = try bnfix([
      goldens + "/fresh-torchscript-17.onnx", "--arch", goldens + "/folded-torchscript-17.onnx",
    ])
    #expect(folded.status == 65)
    #expect(folded.messages.contains("dynamo=True, optimize=False"))
    let alone = try bnfix([goldens + "/folded-dynamo-20.onnx"])
    #expect(alone.status == 65)
    #expect(alone.messages.contains("has no BatchNorm"))
    let missing = try bnfix([Self.model, "--arch", "nowhere.onnx"])
    #expect(missing.status == 66)
    let named = try bnfix([goldens + "/mobile-dynamo-20.onnx", "--arch", "resnet18"])
    #expect(named.status == 64)
    let wrong = try bnfix([Self.model, "--arch", Self.model + ".onnx"])
    #expect(wrong.status == 66)
    try FileManager.default.copyItem(atPath: Self.model, toPath: folder.file("x.onnx"))
    let format = try bnfix([Self.model, "--arch", folder.file("x.onnx")])
    #expect(format.status == 65)
    #expect(format.messages.contains("not an ONNX model"))
    #expect(try folder.listing() == ["x.onnx"])
  }

  @Test func namedArchitecturesAreRemembered() throws {
    let folder = try TemporaryFolder()
    let arguments = ["--data", Fixtures.path("digits/val"), "--num-images", "8", "-o", folder.file("out")]
    let named = try Tool.run("ckpt-bnfix", [Self.model, "--arch", "resnet"] + arguments)
    #expect(named.status == 0, "\(named.messages)")
    #expect(try openCheckpoint(.path(folder.file("out"))).metadata["ckpt.arch"] == "resnet")
    let next = try Tool.run("ckpt-info", ["list", folder.file("out")])
    #expect(next.text.contains("ckpt.arch"))
  }
}
