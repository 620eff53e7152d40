import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-convert` as a shell runs it.
@Suite struct ConvertTests {
  let folder: TemporaryFolder
  let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = try #require(try Fixtures.series().sorted().first)
  }

  @discardableResult
  func convert(_ arguments: String..., status: Int32 = 0) throws -> String {
    let outcome = try Tool.run("ckpt-convert", arguments)
    #expect(outcome.status == status, "\(outcome.messages)")
    return outcome.messages
  }

  func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: folder.file(name))) }

  func names(_ name: String) throws -> [String] {
    try openCheckpoint(.path(folder.file(name))).tensors.map(\.name.string)
  }

  /// Through every format and back: the same bytes.
  @Test func everyFormatAndBack() throws {
    try convert(model, "-o", folder.file("plain"))
    for (name, options) in [
      ("packed", ["--compress"]), ("set", ["--max-shard-size", "200KB"]),
      ("packed-set", ["--max-shard-size", "200KB", "--compress"]),
    ] {
      #expect(try Tool.run("ckpt-convert", [model, "-o", folder.file(name)] + options).status == 0)
      try convert(folder.file(name), "-o", folder.file("again"))
      #expect(try data("again") == data("plain"), "\(name)")
    }
    #expect(try convert(model, "-o", folder.file("x.pth")).isEmpty)
    #expect(try data("x.pth").starts(with: Data("PK".utf8)))
    try convert(folder.file("x.pth"), "-o", folder.file("again"))
    #expect(try data("again") == data("plain"))
    try convert(model, "-o", folder.file("x.npz"))
    #expect(try data("x.npz").starts(with: Data("PK".utf8)))
    try convert(model, "-o", folder.file("y.pt"), "--format", "safetensors")
    #expect(try data("y.pt") == data("plain"))
  }

  @Test(arguments: [["--compress"], ["--dtype", "bf16"], ["--decompress"]])
  func inputIsOutput(_ options: [String]) throws {
    for name in ["a", "b"] { try FileManager.default.copyItem(atPath: model, toPath: folder.file(name)) }
    #expect(try Tool.run("ckpt-convert", [folder.file("a"), "-o", folder.file("a")] + options).status == 0)
    #expect(try Tool.run("ckpt-convert", [folder.file("b"), "-o", folder.file("c")] + options).status == 0)
    #expect(try data("a") == data("c"))
    #expect(try folder.listing() == ["a", "b", "c"])
  }

  @Test func namesOfTensors() throws {
    try writeCheckpoint(
      [
        "block.fc.weight": TensorValue(f32: [1], shape: [1]),
        "block.fc.bias": TensorValue(f32: [2], shape: [1]),
        "head": TensorValue(i64: [3], shape: []),
      ], metadata: Metadata(), to: .path(folder.file("x")))
    try convert(
      folder.file("x"), "-o", folder.file("y"), "--strip-prefix", "block.", "--rename",
      #"^fc\.(.*)$=head.$1"#)
    #expect(try names("y") == ["head", "head.bias", "head.weight"])
    try convert(folder.file("x"), "-o", folder.file("y"), "--include", "fc", "--exclude", "bias$")
    #expect(try names("y") == ["block.fc.weight"])
    let clash = try convert(
      folder.file("x"), "-o", folder.file("z"), "--rename", "^.*$=same", status: 64)
    #expect(clash.contains("would both be called \"same\""))
    #expect(
      try convert(folder.file("x"), "-o", folder.file("z"), "--include", "none", status: 64).contains(
        "selected"))
    #expect(
      try convert(folder.file("x"), "-o", folder.file("z"), "--rename", "(=x", status: 64).contains("rename"))
    #expect(try folder.listing() == ["x", "y"])
  }

  @Test func valuesBeyondTheRange() throws {
    try writeCheckpoint(
      ["w": TensorValue(f32: [1, 70_000], shape: [2])], metadata: Metadata(), to: .path(folder.file("x")))
    let message = try convert(folder.file("x"), "-o", folder.file("y"), "--dtype", "f16", status: 65)
    #expect(message.contains("tensor \"w\": element 1 is 70000.0, which F16 cannot hold"))
    try convert(folder.file("x"), "-o", folder.file("y"), "--dtype", "f16", "--saturate")
    #expect(try openCheckpoint(.path(folder.file("y"))).value("w").doubles() == [1, 65504])
  }

  /// A difference needs its base, and only that one.
  @Test func basesOfDifferences() throws {
    let series = try Fixtures.series().sorted()
    let base = try #require(series.last)
    try convert(model, "-o", folder.file("delta"), "--compress", "--base", base)
    #expect(try convert(folder.file("delta"), "-o", folder.file("x"), status: 64).contains("--base"))
    let itself = try convert(
      folder.file("delta"), "-o", folder.file("x"), "--base", folder.file("delta"), status: 64)
    #expect(itself.contains("name that with --base"))
    let wrong = try convert(folder.file("delta"), "-o", folder.file("x"), "--base", series[1], status: 65)
    #expect(wrong.contains("is not the one that"))
    #expect(try folder.listing() == ["delta"])
    try convert(folder.file("delta"), "-o", folder.file("x"), "--base", base)
    try convert(model, "-o", folder.file("y"))
    #expect(try data("x") == data("y"))
  }

  static let outputs = ["", "--compress", "--format pytorch", "--format npz"]

  /// A disk that fills up: no partial file, the old one as it was, status 74. The thread sanitizer has memory of its own
  /// in a file, which the limit would cut.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["TSAN_OPTIONS"] == nil), arguments: outputs)
  func limitedDisk(_ options: String) throws {
    let old = Data("the old result".utf8)
    for name in ["new", "old"] {
      if name == "old" { try old.write(to: URL(fileURLWithPath: folder.file(name))) }
      let before = try folder.listing()
      let outcome = try Tool.shell(
        "ulimit -f 64; ckpt-convert '\(model)' --quiet \(options) -o '\(folder.file(name))'")
      #expect(outcome.status == 74, "\(outcome.messages)")
      #expect(outcome.messages.contains("File too large"), "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1)
      #expect(try folder.listing() == before)
    }
    #expect(try data("old") == old)
  }

  @Test(arguments: outputs) func fullDevice(_ options: String) throws {
    let outcome = try Tool.shell("ckpt-convert '\(model)' --quiet \(options) >/dev/full")
    #expect(outcome.status == 74)
    #expect(outcome.messages.contains("No space left"))
  }

  @Test(arguments: outputs) func closedPipe(_ options: String) throws {
    let outcome = try Tool.shell(
      "ckpt-convert '\(model)' --quiet \(options) | true; echo ${PIPESTATUS[0]}")
    // By the signal, or with the status where whoever started the tests ignores it.
    #expect(["141\n", "74\n"].contains(outcome.text), "\(outcome.messages)")
  }
}
