#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension InputFile {
  /// Opens a regular file in place; anything else that can be read is copied to an unlinked temporary file.
  ///
  /// - Throws: `CheckpointError.cannotOpen`, `.directoryWithoutIndex`, or an error of reading.
  package static func open(_ location: Location, temporaryFolder: String) throws -> InputFile {
    let label = location.label
    let descriptor: Int32
    switch location {
    case .standardInput: descriptor = STDIN_FILENO
    case .path(let path):
      descriptor = openRetrying(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw CheckpointError.cannotOpen(path: label, code: errno) }
    }
    let owned = location != .standardInput
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      if owned { close(descriptor) }
      throw CheckpointError.cannotOpen(path: label, code: code)
    }
    let kind = status.st_mode & S_IFMT
    if kind == S_IFDIR {
      if owned { close(descriptor) }
      throw CheckpointError.directoryWithoutIndex(path: label)
    }
    // A shell may hand over a regular file that something before us has begun to read.
    if kind == S_IFREG && (owned || lseek(descriptor, 0, SEEK_CUR) == 0) {
      return InputFile(descriptor: descriptor, length: Int(status.st_size), label: label, closes: owned)
    }
    defer { if owned { close(descriptor) } }
    return try Spool.copy(descriptor, label: label, temporaryFolder: temporaryFolder)
  }
}

func openRetrying(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
  while true {
    let descriptor = open(path, flags, mode)
    if descriptor >= 0 || errno != EINTR { return descriptor }
  }
}
