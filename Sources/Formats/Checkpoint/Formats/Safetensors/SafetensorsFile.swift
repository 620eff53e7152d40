/// An open safetensors file.
final class SafetensorsFile: CheckpointSource {
  let label: String
  let tensors: [TensorSpec]
  let storage: CheckpointStorage

  private let file: InputFile
  private let header: SafetensorsHeader

  /// - Throws: `CheckpointError.invalidHeader`, or an error of reading.
  init(_ file: InputFile) throws {
    header = try Self.header(of: file)
    self.file = file
    label = file.label
    tensors = header.entries.map(\.spec)
    storage = header.storage(in: [file])
  }

  static func header(of file: InputFile, checkingLength: Bool = true) throws -> SafetensorsHeader {
    do {
      let length = try SafetensorsHeader.length(try file.bytes(at: 0, count: min(8, file.length)))
      guard length <= file.length - 8 else {
        throw SafetensorsFault.headerPastEnd(headerBytes: length, fileBytes: file.length - 8)
      }
      let header = try SafetensorsHeader(parsing: try file.bytes(at: 8, count: length))
      if checkingLength { try header.checkFileLength(file.length) }
      return header
    } catch let fault as SafetensorsFault {
      throw CheckpointError.invalidHeader(path: file.label, fault)
    }
  }

  var metadata: Metadata { header.metadata }

  var hasForeignEscapes: Bool { header.hasForeignEscapes }

  func index(of name: TensorName) -> Int? { header.indices[name] }

  func reader(at index: Int) -> TensorReader {
    let (begin, end) = (header.entries[index].begin, header.entries[index].end)
    let start = header.dataStart + begin
    return { [self] byteOffset, buffer in
      // The name is of interest only when this fails.
      if byteOffset < 0 || byteOffset > end - begin || buffer.count > end - begin - byteOffset {
        try checkRange(of: tensors[index], at: byteOffset, count: buffer.count)
      }
      try file.read(at: start + byteOffset, into: buffer)
    }
  }
}

extension SafetensorsHeader {
  /// Storage of the tensors of this header in a plain file, the only one.
  func storage(in files: [any StoredFile]) -> CheckpointStorage {
    CheckpointStorage(
      formatDescription: "safetensors", files: files,
      tensors: entries.map { entry in
        CheckpointStorage.StoredTensor(
          byteCount: entry.end - entry.begin, place: .init(file: 0, offset: dataStart + entry.begin))
      })
  }
}
