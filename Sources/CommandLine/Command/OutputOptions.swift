import ArgumentParser
import Checkpoint
import Platform

/// Where the resulting checkpoint goes.
package struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Checkpoint to write, '-' for standard output; .pth, .pt, .ckpt and .bin are PyTorch files, .npz NumPy's, and FOLDER/ continues a model folder.",
      valueName: "path"),
    completion: .file())
  package var output = "-"

  package init() {}

  /// The destination, refused when it is a terminal, where binary data is never meant, or when its suffix is that of
  /// something else.
  package func destination() throws -> OutputDestination { try checkpointDestination(output) }
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

/// The destination of a checkpoint that `argument` names.
///
/// - Throws: `Failure` with status 64 when it is standard output and that is a terminal, or when no format has its suffix.
package func checkpointDestination(_ argument: String) throws -> OutputDestination {
  _ = try outputFormat(argument)
  return try checkedDestination(argument)
}

/// The format of a checkpoint by the suffix of its path; what exists and is no regular file gets safetensors.
///
/// - Throws: `Failure` with status 64 when no format has this suffix.
package func outputFormat(_ argument: String) throws -> WriteOptions.Format {
  if argument == "-" || argument.utf8.last == UInt8(ascii: "/") { return .safetensors }
  if let format = WriteOptions.Format(suffixOf: argument) { return format }
  var status = stat()
  if stat(argument, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return .safetensors }
  throw Failure(
    .usage,
    "\(TensorName(argument).escaped): the suffix names no format that is written; known are .safetensors, .st or none, .pth, .pt, .ckpt, .bin, .pth.tar, and .npz"
  )
}
