/// The format of a file, told by its first bytes.
enum FileFormat: Equatable {
  case safetensors
  /// The format of `torch.save` since 1.6.
  case torchZip
  /// The format of `torch.save` before 1.6: a sequence of pickles.
  case torchLegacy

  /// - Throws: `CheckpointError.malformed` for a known format that is no checkpoint, and errors of reading.
  init(of file: InputFile) throws(CheckpointError) {
    let prefix = try file.bytes(at: 0, count: min(512, file.length))
    if let reason = Self.foreign(prefix) { throw .malformed(path: file.label, reason: reason) }
    self.init(prefix: prefix)
  }

  /// - Parameter prefix: The first bytes of the file, 16 if there are as many.
  init(prefix: [UInt8]) {
    if prefix.starts(with: [0x50, 0x4B, 0x03, 0x04]) && !Self.beginsJSON(prefix) {
      self = .torchZip
    } else if prefix.starts(with: [0x50, 0x4B, 0x05, 0x06]) {
      self = .torchZip
    } else if prefix.count >= 2, prefix[0] == 0x80, (1...5).contains(prefix[1]),
      prefix.count < 9 || prefix[2..<8].contains(where: { $0 != 0 })
    {
      self = .torchLegacy
    } else {
      self = .safetensors
    }
  }

  /// A safetensors header may have a length that looks like another format's magic number; then JSON follows.
  private static func beginsJSON(_ prefix: [UInt8]) -> Bool {
    prefix.count > 8 && Array("{ \t\r\n".utf8).contains(prefix[8])
  }

  /// For what people mistake for a checkpoint: what it is and what to do about it.
  static func foreign(_ prefix: [UInt8]) -> String? {
    if beginsJSON(prefix) { return nil }
    let magics: [(bytes: [UInt8], reason: String)] = [
      ([0x1F, 0x8B, 8], "is compressed with gzip; decompress it first, as in <(zcat FILE)"),
      ([0x28, 0xB5, 0x2F, 0xFD], "is compressed with zstd; decompress it first, as in <(zstdcat FILE)"),
      ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "is an HDF5 file, which is not supported"),
      (Array("GGUF".utf8), "is a GGUF file, which is not supported"),
      (
        Array("version https://git-lfs".utf8), "is a Git LFS pointer; fetch the file itself with git lfs pull"
      ),
    ]
    if let known = magics.first(where: { prefix.starts(with: $0.bytes) }) { return known.reason }
    guard prefix.count >= 262, prefix[257..<262].elementsEqual("ustar".utf8) else { return nil }
    return "is a tar archive; what torch.save wrote before version 0.1.10 must be saved again with PyTorch"
  }
}
