import Platform

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
    } else if prefix.count >= 2, prefix[0] == 0x80, (1...5).contains(prefix[1]), !Self.beginsHeader(prefix) {
      self = .torchLegacy
    } else {
      self = .safetensors
    }
  }

  /// A safetensors header may have a length that looks like another format's magic number; then JSON follows.
  private static func beginsJSON(_ prefix: [UInt8]) -> Bool {
    prefix.count > 8 && Array("{ \t\r\n".utf8).contains(prefix[8])
  }

  /// A length below 1 TiB, then JSON: no pickle has three zero bytes there, since its text and frames end elsewhere.
  private static func beginsHeader(_ prefix: [UInt8]) -> Bool {
    beginsJSON(prefix) && prefix[5..<8].allSatisfy { $0 == 0 }
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

/// A file that can be read at any position by several threads.
///
/// `pread` rather than a mapping: when the file shrinks underneath, that is an error and not a `SIGBUS`.
package final class InputFile: Sendable {
  package let label: String
  package let length: Int
  private let descriptor: Int32
  private let closes: Bool
  /// Where the first byte stands in the file of the descriptor; 0 but for a slice.
  private let start: Int
  /// The file that a slice is part of, which keeps the descriptor open.
  private let whole: InputFile?
  /// Receives the bytes of every read; nil without an observer.
  package let observer: ReadObserver?

  /// - Parameters:
  ///   - closes: Whether the descriptor is closed when this object goes away.
  ///   - observer: Receives the bytes of every read.
  package init(
    descriptor: Int32, length: Int, label: String, closes: Bool = true, observer: ReadObserver? = nil
  ) {
    self.descriptor = descriptor
    self.length = length
    self.label = label
    self.closes = closes
    self.observer = observer
    start = 0
    whole = nil
  }

  /// A part of a file that is read like a file of its own.
  ///
  /// - Parameter range: A range within the file.
  init(sliceOf file: InputFile, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= file.length, "not within the file")
    descriptor = file.descriptor
    length = range.count
    label = file.label
    closes = false
    observer = file.observer
    start = file.start + range.lowerBound
    whole = file
  }

  deinit { if closes { close(descriptor) } }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Throws: `CheckpointError.fileShrank` when the file ends before, `.readFailed` when the system says so.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    // A slice ends where it ends, whatever follows in the file.
    guard whole == nil || offset <= length && buffer.count <= length - offset else {
      throw .fileShrank(path: label, offset: start + length)
    }
    let (count, code) = readAll(descriptor, at: start + offset, into: buffer)
    guard code == 0 else { throw .readFailed(path: label, code: code) }
    guard count == buffer.count else { throw .fileShrank(path: label, offset: start + offset + count) }
    observer?.note(start + offset, UnsafeRawBufferPointer(buffer))
  }

  /// Length and time of the last change: of files of one name, equal ones are taken for the same.
  package var stamp: String {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return "\(length)" }
    return "\(length) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }

  /// `count` bytes from `offset` on.
  package func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    var failure: CheckpointError?
    let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(CheckpointError) {
        try read(
          at: offset,
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return result
  }
}

/// Receives the bytes that are read of a file, for checksums of files whose tensors are put together from slices.
///
/// Reads come in any order and from several threads at a time.
package final class ReadObserver: Sendable {
  package typealias Receiver = @Sendable (_ offset: Int, _ bytes: UnsafeRawBufferPointer) -> Void

  private let receiver = Guarded<Receiver?>(nil)

  package init() {}

  /// Sets who is told from now on; nil ends it.
  package func set(_ receiver: Receiver?) { self.receiver.withLock { $0 = receiver } }

  func note(_ offset: Int, _ bytes: UnsafeRawBufferPointer) {
    receiver.withLock { $0 }?(offset, bytes)
  }
}

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
    if let file = InputFile(opened, label: location.inputLabel) { return file }
    defer { opened.close() }
    return try Spool.copy(opened.descriptor, label: location.inputLabel, temporaryFolder: temporaryFolder)
  }

  /// Opens a file that another file or a folder names, which nobody chose to be a stream: a FIFO in its place is refused and
  /// not waited for.
  ///
  /// - Throws: `CheckpointError.cannotOpen`, `.malformed` for what is no regular file.
  package convenience init(
    regularFileAt path: String, observer: ReadObserver? = nil
  ) throws(CheckpointError) {
    let descriptor = openRetrying(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .cannotOpen(path: path, code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      systemClose(descriptor)
      throw .malformed(path: path, reason: "is no regular file")
    }
    self.init(descriptor: descriptor, length: Int(status.st_size), label: path, observer: observer)
  }

  /// - Returns: nil for a stream, which then is the caller's to close.
  convenience init?(_ opened: Opened, label: String) {
    guard let length = opened.length else { return nil }
    self.init(descriptor: opened.descriptor, length: length, label: label, closes: opened.isOwned)
  }

  /// - Throws: `CheckpointError.cannotOpen`, `.directoryWithoutIndex`.
  static func openDescriptor(_ location: Location) throws(CheckpointError) -> Opened {
    let label = location.inputLabel
    let descriptor: Int32
    switch location {
    case .standardStream:
      guard isatty(STDIN_FILENO) == 0 else {
        throw .invalidRequest(
          path: label, reason: "is a terminal; a checkpoint comes from a file or a pipe")
      }
      descriptor = STDIN_FILENO
    case .path(let path):
      descriptor = openRetrying(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw .cannotOpen(path: label, code: errno) }
    }
    let owned = location != .standardStream
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
