/// How a checkpoint is written.
public struct WriteOptions: Sendable {
  /// Whether tensors are compressed: the output is the container of ckpt-format(5).
  public var compress = false
  /// Store differences to this checkpoint where they are smaller. Reading needs it again.
  public var base: (any CheckpointSource)?
  /// Largest size of a file in bytes of tensor data; the destination is then a folder with an index.
  public var maxShardBytes: Int?
  /// Threads that compress.
  public var threads = 1
  /// Folder for the compressed data of an output that cannot seek.
  public var temporaryFolder = "/tmp"

  /// Plain safetensors.
  public init() {}
}
