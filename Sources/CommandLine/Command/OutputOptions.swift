import ArgumentParser
import Checkpoint
import Platform

/// Where the resulting checkpoint goes.
package struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Checkpoint to write, '-' for standard output; .pth, .pt, .ckpt and .bin give PyTorch files, .npz a NumPy archive, and FOLDER/ continues a model folder.",
      valueName: "path"),
    completion: .file())
  package var output = "-"

  package init() {}

  /// The destination, refused when it is a terminal, where binary data is never meant, or when its suffix is that of
  /// something else.
  package func destination() throws -> Location { try checkpointDestination(output) }
}

/// The destination that `argument` names.
///
/// - Throws: `Failure` with status 64 when it is standard output and that is a terminal.
package func checkedDestination(_ argument: String) throws -> Location {
  if argument == "-" && isatty(STDOUT_FILENO) == 1 {
    throw Failure(
      .usage, "standard output is a terminal; name a file with -o or pipe the checkpoint into another tool")
  }
  return Location(argument: argument)
}

/// The destination of a checkpoint that `argument` names.
///
/// - Throws: `Failure` with status 64 when it is standard output and that is a terminal, or when no format has its suffix.
package func checkpointDestination(_ argument: String) throws -> Location {
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
    "\(TensorName(argument).escaped): unknown output suffix; expected .safetensors, .st or none, .pth, .pt, .ckpt, .bin, .pth.tar, and .npz"
  )
}

/// Storage of a resulting checkpoint.
package struct CompressionOptions: ParsableArguments {
  @Flag(help: "Compress the output, as ckpt-convert does.")
  package var compress = false

  package init() {}

  /// Options for the writer of `output`, whose suffix decides the format.
  ///
  /// - Throws: `Failure` with status 64 for a suffix of no format, and for one of a format that is not compressed.
  package func writeOptions(for output: String, threads: Int) throws -> WriteOptions {
    var options = WriteOptions()
    options.format = try outputFormat(output)
    if compress && options.format != .safetensors {
      throw Failure(
        .usage, "only safetensors files can be compressed: --compress and \(TensorName(output).escaped)")
    }
    options.compress = compress
    options.threads = threads
    options.temporaryFolder = temporaryFolder
    return options
  }
}

/// The outputs of a run, tried before its work: whoever waits an hour for a report does not want to hear then that its
/// folder is missing.
package struct PlannedOutputs {
  private struct Output {
    var option: String
    var destination: Location
    var isFolder: Bool
  }

  private var outputs: [Output] = []

  package init() {}

  /// Adds an output; nil stands for an option that was not given.
  ///
  /// - Parameters:
  ///   - option: The option as the user writes it, in messages.
  ///   - path: Its argument, `-` for standard output.
  ///   - isFolder: Whether a folder of files is written.
  package mutating func add(_ option: String, _ path: String?, isFolder: Bool = false) {
    guard let path else { return }
    outputs.append(Output(option: option, destination: Location(argument: path), isFolder: isFolder))
  }

  /// - Throws: `Failure` with status 64 when two outputs are one file, however it is named, `CheckpointError` when one cannot
  ///   be created.
  package func check() throws {
    var known: [OutputIdentity: Output] = [:]
    for output in outputs {
      guard let identity = try output.destination.identity() else { continue }
      if let other = known.updateValue(output, forKey: identity) {
        let name = TensorName(output.destination.outputLabel).escaped
        throw Failure(
          .usage,
          other.option == output.option
            ? "two outputs of \(output.option) are the same file: \(name)"
            : "\(other.option) and \(output.option) name the same file: \(name)")
      }
    }
    for output in outputs { try output.destination.tryToCreate(isFolder: output.isFolder) }
  }
}

/// Writes a report or a picture, so that its target is the old one or the complete new one; `-` is standard output.
///
/// - Throws: `CheckpointError` when the target cannot be created or written.
package func writeFile(_ bytes: some Sequence<UInt8>, to path: String) throws {
  try writeOutput(bytes, to: Location(argument: path))
}
