import Foundation
import TestSupport
import Testing

/// Bad input: one line, the status of the contract, the output untouched.
@Suite struct FailureTests {
  static let model = Fixtures.path("goldens/NetworkExecution/bottleneck.safetensors")

  struct Case: Sendable, CustomTestStringConvertible {
    let tool: String
    let arguments: [String]
    let status: Int32
    /// What the line must name.
    let mentions: [String]
    var testDescription: String { ([tool] + arguments).joined(separator: " ") }
  }

  /// `OUT` and `LAST` are replaced by the scratch folder and by a good checkpoint.
  static let cases: [Case] = [
    Case(
      tool: "ckpt-average", arguments: ["OUT/none.safetensors"], status: 66, mentions: ["none.safetensors"]),
    Case(
      tool: "ckpt-average", arguments: ["OUT/truncated.safetensors"], status: 65,
      mentions: ["truncated.safetensors"]),
    Case(tool: "ckpt-average", arguments: ["OUT/empty"], status: 65, mentions: ["empty"]),
    Case(
      tool: "ckpt-average", arguments: ["LAST", "OUT/other.safetensors"], status: 65,
      mentions: ["other.safetensors"]),
    Case(tool: "ckpt-average", arguments: ["OUT"], status: 65, mentions: ["--series"]),
    Case(
      tool: "ckpt-average", arguments: ["LAST", "--method", "nonsense"], status: 64, mentions: ["nonsense"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["OUT/none.safetensors", "--data", "OUT/data"], status: 66,
      mentions: ["none.safetensors"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["OUT/other.safetensors", "--data", "OUT/data"], status: 65,
      mentions: ["unknown architecture", "--arch"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["LAST", "--data", "OUT/missing"], status: 66, mentions: ["missing"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["LAST", "--data", "OUT/nothing"], status: 65, mentions: ["nothing"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["LAST", "--data", "OUT/data"], status: 65, mentions: ["broken.jpg"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["LAST", "--data", "OUT/data", "--num-images", "99"], status: 65,
      mentions: ["99", "11"]),
    Case(
      tool: "ckpt-bnfix", arguments: ["LAST", "--data", "OUT/data", "--arch", "resnet9000"], status: 64,
      mentions: ["resnet9000"]),
    Case(tool: "ckpt-bnfix", arguments: ["LAST"], status: 64, mentions: ["--data"]),
    Case(
      tool: "ckpt-fixres", arguments: ["LAST", "--data", "OUT/data"], status: 65, mentions: ["broken.jpg"]),
    Case(
      tool: "ckpt-fixres", arguments: ["LAST", "--data", "OUT/few"], status: 65, mentions: ["10", "1 class"]),
    Case(
      tool: "ckpt-sweep", arguments: ["LAST", "--data", "OUT/few"], status: 65, mentions: ["10", "1 class"]),
    Case(
      tool: "ckpt-sweep", arguments: ["LAST", "--data", "OUT/data", "--crop", "0"], status: 64,
      mentions: ["--crop"]),
    Case(
      tool: "ckpt-sweep", arguments: ["LAST", "--data", "OUT/missing"], status: 66, mentions: ["missing"]),
  ]

  func makeScratch() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    let last = try #require(try Fixtures.series().first)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: last))
    try bytes.prefix(bytes.count - 1).write(to: URL(fileURLWithPath: folder.file("truncated.safetensors")))
    try Data().write(to: URL(fileURLWithPath: folder.file("empty")))
    let header = #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#
    var other = Data([UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0])
    other += header.utf8
    other += [0, 0, 0, 0]
    try other.write(to: URL(fileURLWithPath: folder.file("other.safetensors")))
    for name in ["nothing", "few/0"] + (0..<10).map({ "data/\($0)" }) {
      try manager.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
    }
    let images = Fixtures.path("digits/val/0")
    let good = try #require(try manager.contentsOfDirectory(atPath: images).sorted().first)
    for target in ["few/0"] + (0..<10).map({ "data/\($0)" }) {
      try manager.copyItem(atPath: "\(images)/\(good)", toPath: folder.file("\(target)/\(good)"))
    }
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder.file("data/1/broken.jpg")))
    return folder
  }

  @Test(arguments: cases) func oneLineAndStatus(_ example: Case) throws {
    let folder = try makeScratch()
    let last = try #require(try Fixtures.series().first)
    let output = folder.file("result.safetensors")
    try Data("the old result".utf8).write(to: URL(fileURLWithPath: output))
    let before = try folder.listing()

    let arguments = example.arguments.map {
      $0.replacingOccurrences(of: "OUT", with: folder.path).replacingOccurrences(of: "LAST", with: last)
    }
    let outcome = try Tool.run(example.tool, arguments + ["-o", output, "--quiet"])

    #expect(outcome.status == example.status, "\(outcome.messages)")
    for text in example.mentions { #expect(outcome.messages.contains(text), "\(outcome.messages)") }
    if example.status != 64 {
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
      #expect(outcome.messages.hasPrefix("\(example.tool): "))
    }
    #expect(outcome.output.isEmpty)
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "the old result")
    #expect(try folder.listing() == before, "something was left behind")
  }

  @Test(arguments: ["ckpt-average", "ckpt-bnfix", "ckpt-fixres", "ckpt-sweep"])
  func fullDiskIsNeverSuccess(_ tool: String) throws {
    let outcome = try Tool.shell("\(tool) --help >/dev/full")
    #expect(outcome.status == 74)
  }

  @Test func fullDiskForACheckpoint() throws {
    let last = try #require(try Fixtures.series().first)
    let outcome = try Tool.shell("ckpt-average '\(last)' >/dev/full")
    #expect(outcome.status == 74)
    #expect(outcome.messages.contains("No space left"))
  }

  @Test func closedPipeIsNeverSuccess() throws {
    let last = try #require(try Fixtures.series().first)
    let outcome = try Tool.shell("ckpt-average '\(last)' | true")
    #expect(outcome.status != 0)
  }
}
