import CPlatform
import Platform

/// An output that appears as a whole or not at all, as far as its kind allows.
///
/// A regular file is written in the target's folder, flushed to the disk and renamed. Until then it has no
/// name where the file system can do that, so that even a killed process leaves no file. Pipes, devices and
/// standard output are written into.
final class OutputFile {
  let label: String
  private(set) var descriptor: Int32
  /// Where the first byte stands, if bytes already written can be replaced.
  private let patchOrigin: Int?
  private let target: OutputTarget?
  private var temporaryPath: String?
  private var pendingSlot: Int32?

  init(_ destination: Location) throws(CheckpointError) {
    label = destination.outputLabel
    switch destination {
    case .standardStream:
      descriptor = STDOUT_FILENO
      target = nil
      patchOrigin = Self.patchOrigin(STDOUT_FILENO)
    case .path(let path):
      let target = try OutputTarget(path: path)
      self.target = target
      switch target {
      case .writtenInto:
        descriptor = openRetrying(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotCreate(path: path, reason: systemMessage(errno)) }
        patchOrigin = Self.patchOrigin(descriptor)
      case .replaced(let resolved, let permissions):
        let mode: mode_t = permissions == nil ? 0o666 : 0o600
        patchOrigin = 0
        descriptor = ck_nameable_file(Self.folder(of: resolved), mode)
        if descriptor < 0 {
          let path = try Self.withFreeName(nextTo: resolved, label: path) {
            descriptor = openRetrying($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
            return descriptor >= 0
          }
          setTemporaryPath(path)
        }
      }
    }
  }

  deinit { abort() }

  var canPatch: Bool { patchOrigin != nil }

  /// The folder of a file that is replaced; nil for what is written into.
  var folder: String? {
    guard case .replaced(let path, _)? = target else { return nil }
    return Self.folder(of: path)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    try writeAll(descriptor, bytes, label: label)
  }

  func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Replaces the first bytes.
  func patch(_ bytes: [UInt8]) throws {
    guard let patchOrigin else { preconditionFailure("the output cannot seek") }
    try bytes.withUnsafeBytes { try writeAll(descriptor, $0, at: patchOrigin, label: label) }
  }

  /// Makes what was written the target's content.
  func commit() throws(CheckpointError) {
    guard case .replaced(let path, let permissions)? = target else {
      try closeDescriptor()
      return
    }
    if let permissions {
      // Only root may give a file away; without that right the new file is the writer's own.
      _ = fchown(descriptor, permissions.owner, permissions.group)
      guard fchmod(descriptor, permissions.mode) == 0 else { throw .writeFailed(path: label, code: errno) }
    }
    guard fsync(descriptor) == 0 else { throw .writeFailed(path: label, code: errno) }
    if temporaryPath == nil {
      // A link cannot replace a file, so the name is a passing one.
      setTemporaryPath(
        try Self.withFreeName(nextTo: path, label: label) { ck_name_file(descriptor, $0) == 0 })
    }
    try closeDescriptor()
    guard let temporaryPath, rename(temporaryPath, path) == 0 else {
      throw .cannotCreate(path: label, reason: systemMessage(errno))
    }
    self.temporaryPath = nil
    forgetPending()
    flushFolder(of: path)
  }

  /// Removes what was written so far. Without effect after `commit()`.
  func abort() {
    if descriptor > STDERR_FILENO { close(descriptor) }
    descriptor = -1
    if let temporaryPath { unlink(temporaryPath) }
    temporaryPath = nil
    forgetPending()
  }

  private func setTemporaryPath(_ path: String) {
    temporaryPath = path
    pendingSlot = PendingOutputs.register(path)
  }

  private func forgetPending() {
    if let pendingSlot { PendingOutputs.unregister(pendingSlot) }
    pendingSlot = nil
  }

  /// Network file systems report a full disk only here.
  private func closeDescriptor() throws(CheckpointError) {
    guard descriptor > STDERR_FILENO else { return }
    let status = close(descriptor)
    descriptor = -1
    if status != 0 && errno != EINTR { throw .writeFailed(path: label, code: errno) }
  }
}

extension OutputFile {
  /// The current position of a regular file that does not force writes to its end; nil for everything else.
  private static func patchOrigin(_ descriptor: Int32) -> Int? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      fcntl(descriptor, F_GETFL) & O_APPEND == 0
    else { return nil }
    let position = lseek(descriptor, 0, SEEK_CUR)
    return position < 0 ? nil : Int(position)
  }

  /// The folder of `path` as system calls take it.
  private static func folder(of path: String) -> String {
    let folder = OutputTarget.folder(of: path)
    return folder.isEmpty ? "." : folder
  }

  /// A name in the target's folder, so that the rename stays within one file system, under which `create` made a file.
  private static func withFreeName(
    nextTo path: String, label: String, create: (String) -> Bool
  ) throws(CheckpointError) -> String {
    let folder = OutputTarget.folder(of: path)
    // File systems limit names to 255 bytes.
    let name = String(decoding: Array(path.utf8.dropFirst(folder.utf8.count).prefix(200)), as: UTF8.self)
    for attempt in 0..<1000 {
      let candidate = "\(folder).\(name).\(getpid())-\(attempt).tmp"
      if create(candidate) { return candidate }
      if errno != EEXIST { break }
    }
    throw .cannotCreate(path: label, reason: systemMessage(errno))
  }

  /// Makes the rename itself durable; not every file system can, so a refusal does not matter.
  private func flushFolder(of path: String) {
    let descriptor = openRetrying(Self.folder(of: path), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}

/// Writes all bytes or throws; at the descriptor's position, or at `offset` when given.
func writeAll(
  _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int? = nil, label: String
) throws(CheckpointError) {
  let code = Platform.writeAll(descriptor, bytes, at: offset)
  guard code == 0 else { throw .writeFailed(path: label, code: code) }
}

/// Writes a report, a picture or another small file with the guarantees of a checkpoint: complete or not at all.
///
/// - Throws: `CheckpointError` when the destination cannot be created or takes no more bytes.
public func writeOutput(_ bytes: some Sequence<UInt8>, to destination: Location) throws {
  let file = try OutputFile(destination)
  try file.write(Array(bytes))
  try file.commit()
}
