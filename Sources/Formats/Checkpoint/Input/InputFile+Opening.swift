import Platform

extension InputFile {
  /// A descriptor that was opened for reading, and what it leads to.
  struct Opened {
    let descriptor: Int32
    /// True if the descriptor is ours to close.
    let isOwned: Bool
    /// The size of a regular file that nobody has begun to read; nil for a stream.
    let length: Int?

    func close() { if isOwned { _ = systemClose(descriptor) } }
  }

  /// Opens a regular file in place; anything else that can be read is copied to an unlinked temporary file.
  ///
  /// - Throws: `CheckpointError.cannotOpen`, `.directoryWithoutIndex`, or an error of reading.
  package static func open(_ location: Location, temporaryFolder: String) throws -> InputFile {
    let opened = try openDescriptor(location)
    if let file = InputFile(opened, label: location.label) { return file }
    defer { opened.close() }
    return try Spool.copy(opened.descriptor, label: location.label, temporaryFolder: temporaryFolder)
  }

  /// Opens a file that another file or a folder names, which nobody chose to be a stream: a FIFO in its place is refused and
  /// not waited for.
  ///
  /// - Throws: `CheckpointError.cannotOpen`, `.malformed` for what is no regular file.
  package convenience init(regularFileAt path: String) throws(CheckpointError) {
    let descriptor = openRetrying(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .cannotOpen(path: path, code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      systemClose(descriptor)
      throw .malformed(path: path, reason: "is no regular file")
    }
    self.init(descriptor: descriptor, length: Int(status.st_size), label: path)
  }

  /// - Returns: nil for a stream, which then is the caller's to close.
  convenience init?(_ opened: Opened, label: String) {
    guard let length = opened.length else { return nil }
    self.init(descriptor: opened.descriptor, length: length, label: label, closes: opened.isOwned)
  }

  /// - Throws: `CheckpointError.cannotOpen`, `.directoryWithoutIndex`.
  static func openDescriptor(_ location: Location) throws(CheckpointError) -> Opened {
    let label = location.label
    let descriptor: Int32
    switch location {
    case .standardInput:
      guard isatty(STDIN_FILENO) == 0 else {
        throw .invalidRequest(
          path: label, reason: "is a terminal; a checkpoint comes from a file or a pipe")
      }
      descriptor = STDIN_FILENO
    case .path(let path):
      descriptor = openRetrying(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw .cannotOpen(path: label, code: errno) }
    }
    let owned = location != .standardInput
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      if owned { systemClose(descriptor) }
      throw .cannotOpen(path: label, code: code)
    }
    let kind = status.st_mode & S_IFMT
    if kind == S_IFDIR {
      if owned { systemClose(descriptor) }
      throw .directoryWithoutIndex(path: label)
    }
    // A shell may hand over a regular file that something before us has begun to read.
    let isSeekable = kind == S_IFREG && (owned || lseek(descriptor, 0, SEEK_CUR) == 0)
    return Opened(
      descriptor: descriptor, isOwned: owned, length: isSeekable ? Int(status.st_size) : nil)
  }
}

/// `close(2)`, also where a method of that name hides it.
@discardableResult
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

func openRetrying(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
  while true {
    let descriptor = open(path, flags, mode)
    if descriptor >= 0 || errno != EINTR { return descriptor }
  }
}
