/// The format of a file, told by its first bytes.
enum FileFormat: Equatable {
  case safetensors
  /// What `torch.save` writes since 1.6.
  case torchZip
  /// What `torch.save` wrote before: a sequence of pickles.
  case torchLegacy

  /// - Parameter prefix: The first bytes of the file, 16 if there are as many.
  init(prefix: [UInt8]) {
    // A safetensors header of 0x04034b50 bytes begins like a zip entry, but the ninth byte, a compression
    // method there, is then a brace.
    if prefix.starts(with: [0x50, 0x4B, 0x03, 0x04]), prefix.count < 9 || prefix[8] != UInt8(ascii: "{") {
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
}
