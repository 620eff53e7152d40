import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-info` as a shell runs it.
@Suite struct InfoTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func info(_ arguments: String..., status: Int32 = 0) throws -> (text: String, messages: String) {
    let outcome = try Tool.run("ckpt-info", arguments)
    #expect(outcome.status == status, "\(outcome.messages)")
    return (outcome.text, outcome.messages)
  }

  func write(_ name: String, _ tensors: [TensorName: TensorValue], _ metadata: Metadata = Metadata()) throws {
    try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file(name)))
  }

  @Test func listsTensorsAndMetadataWithEscapes() throws {
    try write(
      "x", ["w\u{1b}[2J": TensorValue(f32: [1, 2], shape: [2]), "n": TensorValue(i64: [7], shape: [])],
      Metadata(["history": "{\"a\": 1}\n", "ckpt.arch": "none"]))
    #expect(
      try info(folder.file("x")).text == """
        name        dtype  shape  bytes  stored  ratio
        n           I64    []         8       8      1
        w\\u{1b}[2J  F32    [2]        8       8      1
        format: safetensors
        tensors: 2
        elements: 3
        bytes: 16
        stored: 16
        ratio: 1
        ckpt.arch = none
        history = {"a": 1}\\n

        """)
    let json = try JSON.parse(Array(info("--format", "json", folder.file("x")).text.utf8))
    #expect(json["schema"]?.intValue == 1)
    #expect(json["format"]?.stringValue == "safetensors")
    #expect(json["rows"]?.arrayValue?.last?["name"]?.stringValue == "w\u{1b}[2J")
    #expect(json["metadata"]?["history"]?.stringValue == "{\"a\": 1}\n")
  }

  @Test func formatsAndCoverage() throws {
    let model = try #require(try Fixtures.series().first)
    let forms: [(name: String, options: [String], format: String, checksums: String)] = [
      ("plain", [], "safetensors", "none"), ("packed", ["--compress"], "compressed safetensors", "all"),
      ("x.pth", [], "PyTorch zip", "all"),
      ("set", ["--max-shard-size", "300K"], "files of a sharded set: safetensors", "none"),
    ]
    for form in forms {
      let path = folder.file(form.name)
      #expect(try Tool.run("ckpt-convert", [model, "-o", path, "--quiet"] + form.options).status == 0)
      #expect(try info(path).text.contains(" \(form.format)\ntensors: "))
      let verified = try JSON.parse(Array(info("verify", path, "--format", "json").text.utf8))
      #expect(verified["rows"]?.arrayValue?.first?["checksums"]?.stringValue == form.checksums)
      #expect(verified["rows"]?.arrayValue?.first?["verdict"]?.stringValue == "ok")
    }
  }

  @Test func verifyNamesTheDamagedTensor() throws {
    let model = try #require(try Fixtures.series().first)
    let path = folder.file("x")
    #expect(try Tool.run("ckpt-convert", [model, "-o", path, "--compress"]).status == 0)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    let (text, messages) = try info("verify", path, model, status: 1)
    #expect(text.contains("damaged") && text.contains("ok"))
    #expect(messages.contains("\(path): tensor \""))
    #expect(messages.split(separator: "\n").count == 1)
    _ = try info("verify", folder.file("none"), status: 66)
  }

  @Test func anUnreadableFileCostsItsOwnRow() throws {
    try write("a", ["w": TensorValue(f32: [1, 2], shape: [2])])
    let paths = [folder.file("none"), folder.file("a")]
    for action in ["list", "tree", "stats"] {
      let (text, messages) = try info(action, paths[0], paths[1], status: 66)
      #expect(text.contains("\(paths[1]):\n") && text.contains("error: \(paths[0]): "), "\(text)")
      #expect(messages.hasPrefix("ckpt-info: \(paths[0]): cannot open"), "\(messages)")
    }
    for action in ["summary", "verify"] {
      let (text, messages) = try info(action, paths[0], paths[1], status: 66)
      #expect(text.split(separator: "\n").count == 3, "\(text)")
      #expect(messages.hasPrefix("ckpt-info: \(paths[0]): cannot open"), "\(messages)")
    }
    let json = try JSON.parse(Array(info("verify", paths[0], "--format", "json", status: 66).text.utf8))
    let row = try #require(json["rows"]?.arrayValue?.first)
    #expect(row["verdict"]?.stringValue == "unreadable")
    #expect(row["reasons"]?.arrayValue?.first?.stringValue?.contains("cannot open") == true)
  }

  @Test func summaryTellsWhereAFileComesFrom() throws {
    let mean = folder.file("mean.pth")
    let models = try Fixtures.series()
    #expect(try Tool.run("ckpt-average", models + ["-o", mean, "--quiet"]).status == 0)
    let json = try JSON.parse(Array(info("summary", mean, models[0], "--format", "json").text.utf8))
    let rows = try #require(json["rows"]?.arrayValue)
    #expect(rows[0]["made_by"]?.stringValue == "mean of \(models.count)")
    #expect(rows[0]["format"]?.stringValue == "PyTorch zip")
    #expect(rows[0]["batchnorm"]?.stringValue == "stale")
    #expect(rows[1]["size"]?.stringValue == "54/48")
    #expect(rows[1]["network"]?.stringValue == rows[0]["network"]?.stringValue)
    #expect(rows[1]["error"] == .null)
  }

  @Test func treeSumsModules() throws {
    try write(
      "a",
      [
        "scale": TensorValue(f32: [1], shape: [1]), "a.0.w": TensorValue(f32: [1, 2], shape: [2]),
        "a.0.n": TensorValue(i64: [7], shape: []), "a.1.w": TensorValue(f32: [1, 2, 3], shape: [3]),
      ])
    #expect(
      try info("tree", folder.file("a")).text == """
        module  tensors  elements  bytes  dtype
        a             3         6     28  I64+F32
          0           2         3     16  I64+F32
          1           1         3     12  F32
        tensors: 4
        elements: 7
        bytes: 32

        """)
    let json = try JSON.parse(Array(info("tree", folder.file("a"), "--format", "json").text.utf8))
    #expect(json["rows"]?.arrayValue?[1]["module"]?.stringValue == "a.0")
    #expect(json["rows"]?.arrayValue?[1]["depth"]?.intValue == 1)
  }

  @Test func namesOfModulesMayBeDeep() throws {
    let deep = Array(repeating: "a", count: 5000).joined(separator: ".")
    try write("deep", [TensorName(deep): TensorValue(f32: [1], shape: [1])])
    #expect(try info("tree", folder.file("deep")).text.contains("tensors: 1"))
  }

  @Test func diffRanksTheLargestFirst() throws {
    let zero = TensorValue(f32: [0], shape: [1])
    try write("a", ["a": zero, "b": zero, "c": zero])
    try write(
      "b",
      [
        "a": TensorValue(f32: [1], shape: [1]), "b": TensorValue(f32: [3], shape: [1]),
        "c": TensorValue(f32: [-2], shape: [1]),
      ])
    let text = try info("diff", folder.file("a"), folder.file("b"), status: 1).text
    #expect(text.split(separator: "\n").dropFirst().prefix(3).compactMap(\.first) == ["b", "c", "a"])
  }

  @Test func diffShowsMissingAndChangedTensors() throws {
    try write("a", ["w": TensorValue(f32: [1, 2], shape: [2]), "gone": TensorValue(i64: [1], shape: [1])])
    try write("b", ["w": TensorValue(f32: [1, .nan], shape: [2]), "new": TensorValue(i64: [1], shape: [1])])
    let (text, messages) = try info("diff", folder.file("a"), folder.file("b"), status: 1)
    #expect(
      text == """
        name  verdict  max abs  max rel  max ulp  cosine
        gone  missing        -        -        -       -
        new   extra          -        -        -       -
        w     differs      inf      inf      inf       -
        tensors compared: 1
        identical: 0

        """)
    #expect(messages == "ckpt-info: tensors: 1 differ, 1 missing, 1 extra\n")
    #expect(
      try info("diff", folder.file("a"), folder.file("a")).text == "tensors compared: 2\nidentical: 2\n")
    try write(
      "c", ["w": TensorValue(f32: [1, 2.001], shape: [2]), "gone": TensorValue(i64: [1], shape: [1])])
    _ = try info("diff", folder.file("a"), folder.file("c"), status: 1)
    _ = try info("diff", folder.file("a"), folder.file("c"), "--tolerance", "0.01")
  }
}
