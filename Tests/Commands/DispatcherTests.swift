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
