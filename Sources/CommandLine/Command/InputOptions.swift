import ArgumentParser
import Checkpoint
import FoundationEssentials

/// Options of finding and decoding a checkpoint that a tool reads.
package struct InputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("State dict to take from a PyTorch file, levels separated by '/'.", valueName: "name"))
  package var key: String?

  @Option(
    help: ArgumentHelp("Base checkpoint of a compressed difference.", valueName: "checkpoint"),
    completion: .file())
  package var base: String?

  package init() {}

  /// Options for `openCheckpoint`; opens the base.
  package func openOptions(threads: Int) throws -> OpenOptions {
    var options = OpenOptions()
    options.temporaryFolder = temporaryFolder
    options.key = key
    options.threads = threads
    if let base { options.base = try openCheckpoint(Location(argument: base), options: options) }
    return options
  }
}

/// Folder for temporary files: `TMPDIR`, or `/tmp`.
package var temporaryFolder: String {
  ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
}
