import Checkpoint

/// Writes a report or a picture, so that its target is the old one or the complete new one; `-` is standard output.
///
/// - Throws: `CheckpointError` when the target cannot be created or written.
package func writeFile(_ bytes: some Sequence<UInt8>, to path: String) throws {
  try writeOutput(bytes, to: OutputDestination(argument: path))
}
