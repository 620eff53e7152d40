import Foundation
import TestSupport
import Testing

/// The tools say, byte for byte, what the files in `Tests/Commands` hold; its README describes them.
@Suite struct PinnedOutputTests {
  static let repository = Fixtures.root.deletingLastPathComponent()
  static let commands = repository.appendingPathComponent("Tests/Commands")
  /// Set by `make pin`: the files are written instead of compared.
  static let writes = ProcessInfo.processInfo.environment["CKPT_PIN"] != nil

  struct Case: Sendable, CustomTestStringConvertible {
    /// Relative to the folder of commands, without suffix.
    let testDescription: String

    func file(_ suffix: String) -> URL { commands.appendingPathComponent("\(testDescription).\(suffix)") }
  }

  /// Paths of the files with a suffix, in the folders that are named after tools.
  static func names(_ suffix: String) throws -> [String] {
    let manager = FileManager.default
    return try manager.contentsOfDirectory(atPath: commands.path).filter { $0.hasPrefix("ckpt-") }
      .flatMap { tool in
        try manager.contentsOfDirectory(atPath: commands.appendingPathComponent(tool).path)
          .filter { $0.hasSuffix(".\(suffix)") }.map { "\(tool)/\($0.dropLast(suffix.count + 1))" }
      }.sorted()
  }

  static let cases: [Case] = try! names("cmd").map { Case(testDescription: $0) }

  /// The exit status, then both streams, each under a heading.
  static func text(_ outcome: Tool.Outcome) -> String {
    let streams = [("standard output", outcome.text), ("standard error", outcome.messages)]
    return streams.reduce("exit status \(outcome.status)\n") { text, stream in
      let ending = stream.1.isEmpty || stream.1.hasSuffix("\n") ? "" : "\n(no newline)\n"
      return "\(text)== \(stream.0)\n\(masked(stream.1))\(ending)"
    }
  }

  /// The text without the release's number in what `--version` prints and without the processor's kernels.
  static func masked(_ text: String) -> String {
    text.replacing(#/(?m)^(ckpt-[a-z]+) [0-9.]+$/#) { "\($0.output.1) VERSION" }
      .replacing(#/(?m)^(ckpt-[a-z]+: [0-9]+ threads?; )?kernels: .*$/#) {
        "\($0.output.1 ?? "")kernels: KERNELS"
      }
  }

  @Test(arguments: cases)
  func printsWhatIsPinned(_ pinned: Case) throws {
    let command = try String(contentsOf: pinned.file("cmd"), encoding: .utf8)
    let words = command.split { $0 == " " || $0 == "\n" }.map(String.init)
    let tool = try #require(words.first)
    #expect(pinned.testDescription.hasPrefix("\(tool)/"), "the command is in another tool's folder")
    let found = Self.text(try Tool.run(tool, Array(words.dropFirst()), in: Self.repository))
    guard !Self.writes else { return try Data(found.utf8).write(to: pinned.file("out")) }
    let expected = try String(decoding: Data(contentsOf: pinned.file("out")), as: UTF8.self)
    let changed = found.split(separator: "\n").difference(from: expected.split(separator: "\n"))
    let lines = changed.map { change in
      switch change {
      case .insert(_, let line, _): "+ \(line)"
      case .remove(_, let line, _): "- \(line)"
      }
    }
    #expect(
      found == expected, "\(lines.joined(separator: "\n"))\n`make pin` rewrites what is meant to change")
  }

  @Test func everyPinnedOutputHasItsCommand() throws {
    #expect(try Self.names("out") == Self.names("cmd"))
    #expect(
      Set(Self.cases.compactMap { $0.testDescription.split(separator: "/").first.map(String.init) })
        == Set(ManualPageTests.tools))
  }

  @Test func onlyVersionAndKernelsAreMasked() {
    let text = "ckpt-info 0.1.0\nkernels: avx2\nckpt-info: 2 threads; kernels: avx2\nckpt-info: kernels: 3\n"
    let masked = """
      ckpt-info VERSION
      kernels: KERNELS
      ckpt-info: 2 threads; kernels: KERNELS
      ckpt-info: kernels: 3

      """
    #expect(Self.masked(text) == masked)
  }
}
