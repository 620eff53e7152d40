/// Writes the zip format of `torch.save`: an ordered dictionary of tensors that `torch.load` with `weights_only=True`
/// reads, with the metadata as its attribute `_metadata["ckpt"]`.
final class TorchSink: ZipSink {
  let output: OutputFile
  private let tensors: [TensorSpec]
  private let metadata: Metadata
  var zip: ZipWriter
  private var begun = 0

  init(_ output: OutputFile, tensors: [TensorSpec], metadata: Metadata) throws(CheckpointError) {
    for spec in tensors where TorchElement.written(spec.dtype) == nil {
      throw .unsupportedType(path: output.label, spec.name, spec.dtype, format: "a PyTorch file")
    }
    self.output = output
    self.tensors = tensors
    self.metadata = metadata
    zip = ZipWriter(output)
  }

  func begin(_ spec: TensorSpec) throws {
    try zip.begin("archive/data/\(begun)", size: spec.byteCount)
    begun += 1
  }

  /// The pickle comes last: the metadata may change until then, and readers find it by the directory at the end.
  func complete(metadata: Metadata?) throws {
    try zip.add("archive/data.pkl", TorchPickle.stateDict(tensors, metadata ?? self.metadata))
    try zip.add("archive/byteorder", Array("little".utf8))
    try zip.add("archive/version", Array("3\n".utf8))
    try zip.finish()
  }
}

/// Writes the pickle of a state dict, protocol 2.
enum TorchPickle {
  /// Where the tools' metadata stand in `_metadata` of a state dict.
  static let metadataKey = "ckpt"

  static func stateDict(_ tensors: [TensorSpec], _ metadata: Metadata) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 2] + emptyDictionary + [UInt8(ascii: "(")]
    for (key, spec) in tensors.enumerated() {
      bytes += text(spec.name.string) + tensor(spec, key: key)
    }
    bytes.append(UInt8(ascii: "u"))
    if !metadata.isEmpty {
      // BUILD sets attributes: {'_metadata': OrderedDict(ckpt={…})}.
      let entries = metadata.sortedEntries.flatMap { text($0.key) + text($0.value) }
      bytes += Array("}".utf8) + text("_metadata") + emptyDictionary + text(metadataKey)
      bytes += Array("}(".utf8) + entries + Array("ussb".utf8)
    }
    return bytes + Array(".".utf8)
  }

  private static let emptyDictionary = Array("ccollections\nOrderedDict\n)R".utf8)

  private static func tensor(_ spec: TensorSpec, key: Int) -> [UInt8] {
    let (storage, dtype) = TorchElement.written(spec.dtype)!
    var strides = [Int](repeating: 1, count: spec.shape.count)
    for dimension in spec.shape.indices.dropLast().reversed() {
      strides[dimension] = strides[dimension + 1] * max(spec.shape[dimension + 1], 1)
    }
    // Storages without an element type of their own count bytes, and the tensor names its type.
    var bytes = Array("ctorch._utils\n_rebuild_tensor_v\(dtype == nil ? 2 : 3)\n((".utf8)
    bytes += text("storage") + Array("c\(storage)\n".utf8) + text("\(key)") + text("cpu")
    bytes += integer(dtype == nil ? spec.elementCount : spec.byteCount) + Array("tQ".utf8)
    bytes += integer(0) + tuple(spec.shape) + tuple(strides) + [0x89] + emptyDictionary
    if let dtype { bytes += Array("ctorch\n\(dtype)\n".utf8) }
    return bytes + Array("tR".utf8)
  }

  private static func tuple(_ values: [Int]) -> [UInt8] {
    [UInt8(ascii: "(")] + values.flatMap(integer) + [UInt8(ascii: "t")]
  }

  private static func integer(_ value: Int) -> [UInt8] {
    Int32(exactly: value).map { [UInt8(ascii: "J")] + littleEndianBytes($0) }
      ?? [0x8A, 8] + littleEndianBytes(Int64(value))
  }

  private static func text(_ value: String) -> [UInt8] {
    [UInt8(ascii: "X")] + littleEndianBytes(UInt32(value.utf8.count)) + Array(value.utf8)
  }
}
