/// Options of writing a checkpoint.
public struct WriteOptions: Sendable {
  /// File formats that can be written.
  public enum Format: String, Sendable, CaseIterable {
    /// Safetensors, plain or compressed.
    case safetensors
    /// The format of `torch.save`, with the metadata as `_metadata["ckpt"]` of the state dict.
    case pytorch
    /// The format of `numpy.savez`, an archive of arrays; metadata are left out.
    case npz
  }

  /// The format of the output.
  public var format = Format.safetensors
  /// True if tensors are compressed: the output is the container of ckpt-format(5).
  public var compress = false
  /// Store differences to this checkpoint where they are smaller. Reading needs it again.
  public var base: (any CheckpointSource)?
  /// Largest size of a file in bytes of tensor data; the destination is then a folder with an index.
  public var maxShardBytes: Int?
  /// The configuration of the model folder that the output continues. An output that is a folder gets it as `config.json`,
  /// with sizes and normalization from the metadata.
  public var configuration: ModelConfiguration?
  /// Threads that compress.
  public var threads = 1
  /// Folder for the compressed data of an output that cannot seek.
  public var temporaryFolder = "/tmp"

  /// Plain safetensors.
  public init() {}
}
