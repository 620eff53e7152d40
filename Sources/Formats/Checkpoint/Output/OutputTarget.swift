import Platform

/// Where the bytes of an output really go, once links are followed.
enum OutputTarget: Equatable {
  /// A regular file, existing or new, that is replaced by a rename.
  case replaced(path: String, permissions: FilePermissions?)
  /// A FIFO, a device, or a descriptor under `/proc`: written into, never renamed over.
  case writtenInto(path: String)

  struct FilePermissions: Equatable {
    var mode: mode_t
    var owner: uid_t
    var group: gid_t
  }

  /// - Throws: `CheckpointError.cannotCreate`.
  init(path: String) throws(CheckpointError) {
    guard !path.isEmpty else { throw .cannotCreate(path: path, reason: "the name is empty") }
    var status = stat()
    let exists = stat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    if exists && kind == S_IFDIR { throw .cannotCreate(path: path, reason: "is a folder") }
    if exists && kind != S_IFREG {
      self = .writtenInto(path: path)
      return
    }
    guard let resolved = try Self.followingLinks(path) else {
      self = .writtenInto(path: path)
      return
    }
    guard exists else {
      self = .replaced(path: resolved, permissions: nil)
      return
    }
    // A rename would go through on a read-only file, which is not what its owner asked for.
    guard access(resolved, W_OK) == 0 else {
      throw .cannotCreate(path: path, reason: systemMessage(errno))
    }
    self = .replaced(
      path: resolved,
      permissions: .init(mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid))
  }

  /// The path that symbolic links lead to, the last of which may dangle; nil when it leads into `/proc` or
  /// `/dev/fd`, whose links name open descriptors and not places.
  private static func followingLinks(_ path: String) throws(CheckpointError) -> String? {
    var current = path
    for _ in 0..<40 {
      if current.begins(with: "/proc/") || current.begins(with: "/dev/fd/") { return nil }
      var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let length = buffer.withUnsafeMutableBytes { readlink(current, $0.baseAddress!, $0.count) }
      guard length >= 0 else { return current }
      let link = String(decoding: buffer[..<length], as: UTF8.self)
      current = link.begins(with: "/") ? link : folder(of: current) + link
    }
    throw .cannotCreate(path: path, reason: systemMessage(ELOOP))
  }

  /// The folder with its slash; empty for a bare name.
  static func folder(of path: String) -> String {
    // By bytes: a name may begin with an accent, which makes one character of it and the slash.
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(decoding: path.utf8[...$0], as: UTF8.self) } ?? ""
  }
}

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
