/// An open safetensors file.
final class SafetensorsFile: CheckpointSource {
  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata
  let hasForeignEscapes: Bool

  private let file: InputFile
  /// Position of the data in the file and index of the spec, by name.
  private let positions: [TensorName: (offset: Int, index: Int)]

  /// - Throws: `CheckpointError.invalidHeader`, or an error of reading.
  init(_ file: InputFile) throws {
    let header = try Self.header(of: file)
    self.file = file
    label = file.label
    tensors = header.entries.map(\.spec)
    metadata = header.metadata
    hasForeignEscapes = header.hasForeignEscapes
    positions = Dictionary(
      uniqueKeysWithValues: header.entries.enumerated().map { index, entry in
        (entry.spec.name, (header.dataStart + entry.begin, index))
      })
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

  func spec(_ name: TensorName) -> TensorSpec? { positions[name].map { tensors[$0.index] } }

  var formatDescription: String { "safetensors" }

  var files: [any StoredFile] { [file] }

  func placement(of name: TensorName) -> (file: Int, offset: Int)? {
    positions[name].map { (file: 0, offset: $0.offset) }
  }

  func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard let (start, index) = positions[name] else {
      throw CheckpointError.missingTensor(path: label, name)
    }
    try checkRange(of: tensors[index], at: byteOffset, count: buffer.count)
    try file.read(at: start + byteOffset, into: buffer)
  }
}
