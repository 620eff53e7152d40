import Command
import TestSupport
import Testing

/// Scripts that complete the tools' options. `Tests/Packages/completion.py` types into the shells themselves.
@Suite struct CompletionScriptTests {
  @Test(arguments: ManualPageTests.tools, ["bash", "zsh", "fish"])
  func offersOptionsAndNoHelpCommand(_ tool: String, _ shell: String) throws {
    for arguments in [["--generate-completion-script", shell], ["--generate-completion-script=\(shell)"]] {
      let outcome = try Tool.run(tool, arguments)
      #expect(outcome.status == 0, "\(outcome.messages)")
      let script = outcome.text
      #expect(script.contains(shell == "fish" ? "-l 'threads'" : "--threads"))
      #expect(script.contains(shell == "fish" ? "-l 'help'" : "--help"))
      for offer in ["-W 'help'", ":->command", ":->arg", "-fa 'help'"] {
        #expect(!script.contains(offer), "\(offer)")
      }
    }
  }

  @Test func otherLinesStay() {
    let script = "a 'help'\n\n  '(-): :->command'\n  b\n"
    #expect(CompletionScript.withoutHelpCommand(script) == "a 'help'\n\n  b\n")
  }
}
