import Checkpoint

/// One checkpoint of a series.
public struct SeriesMember: Sendable {
  /// The open file.
  public let source: any CheckpointSource
  private let byName: [TensorName: TensorSpec]

  /// - Parameter source: An open checkpoint.
  public init(_ source: any CheckpointSource) {
    self.source = source
    byName = Dictionary(source.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The file's name in diagnostics.
  public var label: String { source.label }

  /// The last component of the path, for the provenance.
  public var name: String {
    source.label.split(separator: "/").last.map(String.init) ?? source.label
  }

  /// The tensors in the order of the file.
  public var tensors: [TensorSpec] { source.tensors }

  /// Element type and shape of a tensor.
  public func spec(_ name: TensorName) -> TensorSpec? { byName[name] }

  /// Size of the files that the checkpoint is stored in.
  public var byteCount: Int { source.files.reduce(0) { $0 + $1.length } }

  /// CRC-32 of these files, in hexadecimal; reads all of them.
  public func digest() throws -> String { try SourceDigest.of(source) }

  /// Reads the bytes of a tensor from `offset` on; thread safe.
  func read(_ name: TensorName, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try source.read(name, at: offset, into: buffer)
  }
}
