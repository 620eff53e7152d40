import ArgumentParser
import Checkpoint
import Platform

/// Where the resulting checkpoint goes.
package struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("Checkpoint to write, '-' for standard output.", valueName: "path"),
    completion: .file())
  package var output = "-"

  package init() {}

  /// The destination, refused when it is a terminal: binary data there is never meant.
  package func destination() throws -> OutputDestination {
    try checkedDestination(output)
  }
}

/// The destination that `argument` names.
///
/// - Throws: `Failure` with status 64 when it is standard output and that is a terminal.
package func checkedDestination(_ argument: String) throws -> OutputDestination {
  if argument == "-" && isatty(STDOUT_FILENO) == 1 {
    throw Failure(
      .usage, "standard output is a terminal; name a file with -o or pipe the checkpoint into another tool")
  }
  return OutputDestination(argument: argument)
}
