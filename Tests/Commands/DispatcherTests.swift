import Foundation
import TestSupport
import Testing

/// `ckpt COMMAND`, which is installed next to the tools.
@Suite struct DispatcherTests {
  let folder: TemporaryFolder
  private static let script = Fixtures.root.deletingLastPathComponent().appendingPathComponent(
    "Sources/Tools/ckpt.sh"
  ).path

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: Self.script, toPath: folder.file("ckpt"))
  }

  @Test(arguments: ManualPageTests.tools) func runsEveryTool(_ tool: String) throws {
    let command = tool.dropFirst("ckpt-".count)
    let own = try Tool.run(tool, ["--version"])
    for words in ["\(command) --version", "help \(command)"] {
      let outcome = try Tool.shell("'\(folder.file("ckpt"))' \(words)")
      #expect(outcome.status == 0, "\(outcome.messages)")
      #expect(words.hasPrefix("help") ? outcome.text.contains("USAGE: \(tool)") : outcome.text == own.text)
    }
    #expect(try Tool.shell("'\(folder.file("ckpt"))' help").text.contains(command))
  }

  @Test func namesTheVersionOfTheTools() throws {
    let info = try Tool.run("ckpt-info", ["--version"]).text
    let outcome = try Tool.shell("'\(folder.file("ckpt"))' --version")
    #expect(outcome.status == 0 && "ckpt-info " + outcome.text.dropFirst("ckpt ".count) == info)
    let lost = try Tool.shell("PATH=/nowhere /bin/sh '\(folder.file("ckpt"))' --version 2>&1")
    #expect(lost.status != 0)
  }

  /// The three completions and the help name the tools that there are.
  @Test(arguments: ["ckpt.sh", "ckpt.bash", "ckpt.zsh", "ckpt.fish"])
  func namesEveryTool(_ file: String) throws {
    let path = URL(fileURLWithPath: Self.script).deletingLastPathComponent().appendingPathComponent(file)
    let text = try String(contentsOf: path, encoding: .utf8)
    for tool in ManualPageTests.tools {
      #expect(text.contains(try Regex("[^a-z]\(tool.dropFirst("ckpt-".count))[^a-z]")), "\(tool)")
    }
  }

  @Test func theToolNextToItComesFirst() throws {
    try Data("#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 7\n".utf8)
      .write(to: URL(fileURLWithPath: folder.file("ckpt-best")))
    let outcome = try Tool.shell(
      "chmod +x '\(folder.file("ckpt-best"))'; '\(folder.file("ckpt"))' best 'a b' '' '*'")
    #expect(outcome.status == 7 && outcome.text == "<a b><><*>", "\(outcome.messages)")
  }

  @Test(arguments: ["", "bets", "../ckpt-best", "'best info'", "help bets"])
  func otherCommandsAreUsageErrors(_ words: String) throws {
    let outcome = try Tool.shell("'\(folder.file("ckpt"))' \(words)")
    #expect(outcome.status == 64 && outcome.text.isEmpty && !outcome.messages.isEmpty)
  }
}
