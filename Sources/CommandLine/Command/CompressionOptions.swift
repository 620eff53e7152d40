import ArgumentParser
import Checkpoint

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
