import Foundation
import TestSupport
import Testing

/// The manual pages and `--help` name the same options.
@Suite struct ManualPageTests {
  static let tools = [
    "ckpt-average", "ckpt-best", "ckpt-bnfix", "ckpt-convert", "ckpt-fixres", "ckpt-info", "ckpt-sweep",
  ]

  static func page(_ name: String) throws -> String {
    try String(
      contentsOf: Fixtures.root.deletingLastPathComponent().appendingPathComponent("man/\(name)"),
      encoding: .utf8)
  }

  /// Long options in the text of a page (`-name` after `Fl`) or of a help screen (`--name`).
  static func options(_ text: String, _ pattern: Regex<(Substring, Substring)>) -> Set<String> {
    Set(text.matches(of: pattern).map { String($0.output.1) })
  }

  @Test(arguments: tools) func sameOptions(_ tool: String) throws {
    var help = try Tool.run(tool, ["--help"]).text
    if tool == "ckpt-info" {
      for command in ["list", "stats", "verify", "diff"] {
        help += try Tool.run(tool, [command, "--help"]).text
      }
    }
    let offered = Self.options(help, #/(?m)(?:^ {2}(?:-\w, )?|/|, )--([a-z][a-z0-9-]*)/#)
    let described = Self.options(try Self.page("\(tool).1"), #/Fl -([a-z][a-z0-9-]*)/#)
    #expect(offered.subtracting(described).sorted() == [], "not in the manual page")
    #expect(described.subtracting(offered).sorted() == [], "not in --help")
  }
}
