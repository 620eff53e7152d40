import ArgumentParser
import Checkpoint

/// How a resulting checkpoint is stored.
package struct CompressionOptions: ParsableArguments {
  @Flag(name: .long, help: "Compress the output, as ckpt-convert does.")
  package var compress = false

  package init() {}

  /// Options for the writer.
  package func writeOptions(threads: Int) -> WriteOptions {
    var options = WriteOptions()
    options.compress = compress
    options.threads = threads
    options.temporaryFolder = temporaryFolder
    return options
  }
}
