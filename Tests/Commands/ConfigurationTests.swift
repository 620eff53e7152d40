import Checkpoint
import Foundation
import TestSupport
import Testing

/// What a folder's `config.json` says of the images, the classes and the network, as the tools obey it.
@Suite struct ConfigurationTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder of the run's network with this configuration, without metadata of our own.
  private func model(_ name: String, _ configuration: String) throws -> String {
    let path = folder.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try rewriteCheckpoint(
      try openCheckpoint(.path(Self.model)), replacing: [:], metadata: Metadata(),
      to: .path(path + "/model.safetensors"))
    try Data(configuration.utf8).write(to: URL(fileURLWithPath: path + "/config.json"))
    return path
  }

  private func run(_ tool: String, _ arguments: [String], status: Int32 = 0) throws -> Tool.Outcome {
    let outcome = try Tool.run(tool, arguments)
    #expect(outcome.status == status, "\(tool) \(arguments): \(outcome.messages)")
    return outcome
  }

  private func row(_ arguments: [String]) throws -> JSON {
    let outcome = try run("ckpt-sweep", arguments + ["--data", Self.val, "--format", "json", "--quiet"])
    return try #require(JSON.parse([UInt8](outcome.output))["rows"]?.arrayValue?.first)
  }

  @Test func sweepsNormalizeAsTheConfigurationSays() throws {
    let path = try model(
      "own",
      #"""
      {"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 40, 40], "crop_pct": 0.8,
       "interpolation": "bicubic", "mean": [0.4, 0.5, 0.6], "std": [0.3, 0.2, 0.1]}}
      """#)
    let expected = try row([
      path, "--crop", "40", "--resize", "50", "--interpolation", "bicubic", "--mean", "0.4,0.5,0.6", "--std",
      "0.3,0.2,0.1",
    ])
    for arguments in [["--as-recorded"], ["--crop", "40", "--resize", "50"]] {
      #expect(try row([path] + arguments) == expected, "\(arguments)")
    }
    // Options are final.
    let other = try row([path, "--as-recorded", "--mean", "0.5", "--std", "0.5"])
    #expect(other["loss"] != expected["loss"])
  }

  @Test func refusesArgumentsThatChangeTheNetwork() throws {
    let path = try model("changed", #"{"architecture": "resnet18", "model_args": {"global_pool": "max"}}"#)
    for arguments in [["ckpt-sweep", path], ["ckpt-bnfix", path, "-o", "/dev/null"]] {
      let outcome = try run(arguments[0], arguments.dropFirst() + ["--data", Self.val], status: 65)
      #expect(
        outcome.messages
          == "\(arguments[0]): \(path)/model.safetensors: architecture \"resnet18\" (config.json) with global_pool=max is not supported; "
          + "pass --arch with an ONNX file of the network\n")
    }
    _ = try row([path, "--arch", "resnet18", "--crop", "40", "--resize", "46"])
  }

  /// What an average or a conversion leaves behind, its metadata say.
  @Test func namesOfTheConfigurationStayWithTheTensors() throws {
    let changed = try model("changed", #"{"architecture": "resnet18", "model_args": {"global_pool": "max"}}"#)
    let plain = try model("plain", #"{"architecture": "resnet18.a1_in1k", "model_args": {"drop_rate": 0.1}}"#)
    let out = folder.file("out.safetensors")
    for (arguments, name) in [([changed], "resnet18 global_pool=max"), ([plain], "resnet18")] {
      for command in ["ckpt-average", "ckpt-convert"] {
        _ = try run(command, arguments + ["-o", out])
        #expect(try openCheckpoint(.path(out)).metadata["ckpt.arch"] == name)
        let outcome = try run(
          "ckpt-bnfix", [out, "--data", Self.val, "--num-images", "32", "-o", folder.file("fixed")],
          status: name == "resnet18" ? 0 : 65)
        #expect(name == "resnet18" || outcome.messages.contains("global_pool=max is not supported"))
      }
    }
  }

  @Test func sizesAndClassesOfTheConfigurationStayWithTheTensors() throws {
    let names = (0..<10).map { "\"n\($0)\"" }.joined(separator: ",")
    let path = try model(
      "sized",
      #"{"architecture": "resnet18", "num_classes": 10, "label_names": [\#(names)], "pretrained_cfg": "#
        + #"{"input_size": [3, 48, 48], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}"#
    )
    let out = folder.file("sized.safetensors")
    for command in ["ckpt-average", "ckpt-convert"] {
      _ = try run(command, [path, "-o", out])
      let metadata = try openCheckpoint(.path(out)).metadata
      #expect(metadata["ckpt.crop"] == "48" && metadata["ckpt.resize"] == "50")
      #expect(metadata["ckpt.interpolation"] == "bicubic")
      #expect(metadata["ckpt.mean"] == "0.5,0.5,0.5" && metadata["ckpt.std"] == "0.25,0.25,0.25")
      #expect(metadata["ckpt.classes"] == "[\(names)]")
    }
  }

  /// A `crop_pct` near 0 would give a size that no integer holds.
  @Test(arguments: [
    #""input_size": [3, 48, 48], "crop_pct": 1e-300"#, #""input_size": [3, 9000000000, 9000000000]"#,
    #""input_size": [3, 48, 64]"#, #""input_size": [3, 48, 48], "interpolation": "magic""#,
  ])
  func ignoresImpossibleSizesOfTheConfiguration(configuration: String) throws {
    let path = try model("odd", #"{"architecture": "resnet18", "pretrained_cfg": {\#(configuration)}}"#)
    let out = folder.file("odd.safetensors")
    _ = try run("ckpt-average", [path, "-o", out])
    #expect(try openCheckpoint(.path(out)).metadata["ckpt.crop"] == nil)
    let swept = try run("ckpt-sweep", [path, "--data", Self.val, "--crop", "40", "--resize", "46"])
    #expect(!swept.messages.contains("Fatal"))
  }

  @Test func classesAreComparedWithTheLabelNames() throws {
    let names = (0..<10).map { "\"\(9 - $0)\"" }.joined(separator: ", ")
    let path = try model("reversed", #"{"architecture": "resnet18", "label_names": [\#(names)]}"#)
    let sizes = ["--crop", "48", "--resize", "54"]
    let plain = try row([Self.model] + sizes)
    let reversed = try run("ckpt-sweep", [path, "--data", Self.val, "--format", "json"] + sizes)
    #expect(reversed.messages.contains("classes numbered by their names in \(path)"), "\(reversed.messages)")
    #expect(
      try JSON.parse([UInt8](reversed.output))["rows"]?.arrayValue?.first?["top1"] != plain["top1"])
    // The names go on into what is written.
    let out = folder.file("out.safetensors")
    _ = try run("ckpt-bnfix", [path, "--data", Self.val, "--num-images", "32", "-o", out] + sizes)
    let recorded = try #require(openCheckpoint(.path(out)).metadata["ckpt.classes"])
    #expect(try JSON.parse(Array(recorded.utf8)).arrayValue?.compactMap(\.stringValue).first == "9")
    // Names of other classes are no numbering.
    let foreign = try model(
      "foreign", #"{"architecture": "resnet18", "label_names": ["a","b","c","d","e","f","g","h","i","j"]}"#)
    let outcome = try Tool.run("ckpt-sweep", [foreign, "--data", Self.val, "--format", "json"] + sizes)
    #expect(outcome.messages.contains("\(foreign)"), "\(outcome.messages)")
    let few = try model("few", #"{"architecture": "resnet18", "label_names": ["a", "b"]}"#)
    let warned = try run("ckpt-sweep", [few, "--data", Self.val, "--format", "json"] + sizes)
    #expect(
      warned.messages.contains("config.json holds 2 names for 10 classes, so they are not compared"),
      "\(warned.messages)")
    #expect(try JSON.parse([UInt8](warned.output))["rows"]?.arrayValue?.first?["top1"] == plain["top1"])
  }

  /// Only files of PyTorch have keys.
  @Test(arguments: [
    "ckpt-average IN IN2 -o OUT", "ckpt-average - IN2 -o OUT", "ckpt-bnfix IN --data DATA -o OUT",
    "ckpt-bnfix - --data DATA -o OUT", "ckpt-fixres IN --data DATA -o OUT", "ckpt-sweep IN --data DATA",
    "ckpt-info IN", "ckpt-info stats IN", "ckpt-info verify IN", "ckpt-info diff IN IN2",
    "ckpt-convert IN -o OUT",
    "ckpt-convert - -o OUT", "ckpt-convert SET -o OUT", "ckpt-convert COMPRESSED -o OUT",
  ])
  func keyIsAUsageErrorWithoutKeys(command: String) throws {
    let (one, two) = (Self.model, Fixtures.path("run/epoch-103.safetensors"))
    var text = "cat '\(one)' | \(command) --key model"
    for (word, path) in [
      ("COMPRESSED", folder.file("packed.st")), ("IN2", two), ("IN", one), ("OUT", folder.file("out")),
      ("DATA", Self.val), ("SET", folder.file("set")),
    ] { text = text.replacing(word, with: "'\(path)'") }
    _ = try run("ckpt-convert", [one, "--max-shard-size", "200KB", "-o", folder.file("set")])
    _ = try run("ckpt-convert", [one, "--compress", "-o", folder.file("packed.st")])
    let outcome = try Tool.shell(text)
    #expect(outcome.status == 64, "\(outcome.messages)")
    #expect(
      outcome.messages.contains(
        #"no key "model": a safetensors file holds one state dict without keys; leave out --key"#),
      "\(outcome.messages)")
    #expect(outcome.messages.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
  }

  /// A comparison may have keys on one side.
  @Test func keyOfOneSideOfAComparison() throws {
    let path = folder.file("in.pth")
    _ = try run("ckpt-convert", [Self.model, "-o", path])
    for files in [[Self.model, path], [path, Self.model]] {
      _ = try run("ckpt-info", ["diff"] + files + ["--key", ""])
    }
  }
}
