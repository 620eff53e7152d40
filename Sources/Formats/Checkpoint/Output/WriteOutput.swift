/// Writes a report, a picture or another small file with the guarantees of a checkpoint: complete or not at all.
///
/// - Throws: `CheckpointError` when the destination cannot be created or takes no more bytes.
public func writeOutput(_ bytes: some Sequence<UInt8>, to destination: OutputDestination) throws {
  let file = try OutputFile(destination)
  try file.write(Array(bytes))
  try file.commit()
}
