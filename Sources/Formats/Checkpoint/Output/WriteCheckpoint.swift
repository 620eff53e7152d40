/// Writes tensors that are in memory as a checkpoint.
///
/// - Throws: `CheckpointError` as `CheckpointWriter` does.
public func writeCheckpoint(
  _ tensors: [TensorName: TensorValue], metadata: Metadata, to destination: OutputDestination
) throws {
  let specs = tensors.map { TensorSpec(name: $0, dtype: $1.dtype, shape: $1.shape) }
  let writer = try CheckpointWriter(to: destination, tensors: specs, metadata: metadata)
  for spec in writer.order {
    // Empty tensors have no data to write.
    if let value = tensors[spec.name], spec.byteCount > 0 { try writer.write(value) }
  }
  try writer.finish()
}
