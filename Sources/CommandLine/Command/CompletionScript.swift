/// Completion scripts without the command `help`, which the parser's generator adds although the tools have no commands.
///
/// It is more than an odd proposal: zsh completes nothing at all for a tool with any number of files and a command.
package enum CompletionScript {
  /// `script` for bash, zsh or fish, as the parser made it for a tool without commands.
  package static func withoutHelpCommand(_ script: String) -> String {
    let kept = script.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      !commandSpecifications.contains { line.contains($0) }
    }
    return kept.joined(separator: "\n").replacing("compgen -W 'help'", with: "compgen -W ''")
  }

  /// Parts of the lines that make zsh and fish look for a command.
  private static let commandSpecifications = [
    "'(-): :->command'", "'(-)*:: :->arg'", "-d 'Show subcommand help information.'",
  ]
}
