extension WriteOptions.Format {
  /// The format that a path asks for by its suffix: PyTorch for `.pth`, `.pt`, `.ckpt`, `.bin` and `.pth.tar`, NumPy for
  /// `.npz`, safetensors for `.safetensors`, `.st` and paths without a suffix, such as those of devices.
  ///
  /// - Returns: nil for any other suffix.
  public init?(suffixOf path: String) {
    if path.utf8.starts(with: "/dev/".utf8) || path.utf8.starts(with: "/proc/".utf8) {
      self = .safetensors
      return
    }
    let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else {
      self = .safetensors
      return
    }
    let suffix = String(decoding: name[name.index(after: dot)...], as: UTF8.self).lowercased()
    switch suffix {
    case "safetensors", "st": self = .safetensors
    case "pth", "pt", "ckpt", "bin": self = .pytorch
    case "npz": self = .npz
    case "tar"
    where String(decoding: name, as: UTF8.self).lowercased().utf8.suffix(8).elementsEqual(".pth.tar".utf8):
      self = .pytorch
    // A number such as that of `ema-0.999` is no suffix.
    case _ where !suffix.isEmpty && suffix.utf8.allSatisfy { (0x30...0x39).contains($0) }: self = .safetensors
    default: return nil
    }
  }
}
