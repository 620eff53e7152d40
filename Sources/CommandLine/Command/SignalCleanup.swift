import Checkpoint
import Platform

/// The line about a failure of the program, encoded beforehand: a handler has no memory to do it.
nonisolated(unsafe) private var lastWords: UnsafeMutableBufferPointer<UInt8>?

/// Makes the signals that end a process remove unfinished outputs and the progress bar first, and a failure of the program or
/// of the memory end in one line, too.
///
/// The process then ends by the same signal, so that a shell sees what happened. Signals that are ignored, as under
/// `nohup`, stay ignored.
func installSignalCleanup(tool: String) {
  // A file beyond the limit of ulimit(1) is an error of writing like a full disk.
  signal(SIGXFSZ, SIG_IGN)
  // Globals are made at first use, for which a handler is no place.
  StatusLine.erase()
  PendingOutputs.unregisterFolder()
  installFailureHandlers(tool: tool)
  for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] {
    let previous = signal(number, SIG_IGN)
    if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
    signal(number) { number in
      PendingOutputs.removeAll()
      StatusLine.eraseInHandler()
      signal(number, SIG_DFL)
      raise(number)
    }
  }
}

/// Signals of defects and of missing memory are reported in one line before they end the process.
private func installFailureHandlers(tool: String) {
  let text = Array(
    "\(tool): ended early: the memory allowed was not enough, or this is a defect of the program; no output was completed\n"
      .utf8)
  let words = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
  _ = words.initialize(from: text)
  lastWords = words
  // A stack that has run out cannot hold the handler's frame.
  let size = 1 << 16
  var stack = stack_t()
  stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
  stack.ss_size = size
  sigaltstack(&stack, nil)
  for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
    var previous = sigaction()
    // Sanitizers and debuggers have handlers of their own.
    guard sigaction(number, nil, &previous) == 0,
      unsafeBitCast(previous.__sigaction_handler, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self)
    else { continue }
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      PendingOutputs.removeAll()
      StatusLine.eraseInHandler()
      if let words = lastWords { _ = write(STDERR_FILENO, words.baseAddress, words.count) }
      signal(number, SIG_DFL)
      raise(number)
    }
    action.sa_flags = SA_ONSTACK | SA_NODEFER
    sigaction(number, &action, nil)
  }
}

/// Calls `body` with the path of a file in a new folder of our own, which nobody else may enter or read.
///
/// Others may write to the folder of temporary files and would know a name that can be guessed. File and folder are gone
/// when `body` returns, or when a signal ends the process; what a process has left that was killed outright, the next removes.
///
/// - Parameters:
///   - prefix: Beginning of the folder's name.
///   - name: Name of the file, which is there and empty.
/// - Throws: `Failure` when they cannot be made, and what `body` throws.
package func withPrivateFile<Result>(
  prefix: String, name: String, _ body: (_ path: String) throws -> Result
) throws -> Result {
  removeAbandonedFolders(prefix: prefix, name: name)
  let (folder, lock) = try privateFolder(prefix: prefix)
  defer { if lock >= 0 { close(lock) } }
  let path = "\(folder)/\(name)"
  PendingOutputs.register(folder: folder)
  let slot = PendingOutputs.register(path)
  defer {
    unlink(path)
    rmdir(folder)
    if let slot { PendingOutputs.unregister(slot) }
    PendingOutputs.unregisterFolder()
  }
  // The new file takes the mode of the one that it replaces.
  let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else {
    throw Failure(.cannotCreate, "\(TensorName(path).escaped): \(String(cString: strerror(errno)))")
  }
  close(descriptor)
  return try body(path)
}

/// A new folder that nobody else may enter, and a descriptor that holds its lock, or is negative where there are none.
private func privateFolder(prefix: String) throws -> (path: String, lock: Int32) {
  for _ in 0..<100 {
    var template = Array("\(temporaryFolder)/\(prefix)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { break }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let lock = HiddenFolder.lock(folder)
    // Another run has taken it for an abandoned one.
    if lock < 0 && (errno == EWOULDBLOCK || errno == ENOENT) { continue }
    return (folder, lock)
  }
  throw Failure(
    .cannotCreate, "\(TensorName(temporaryFolder).escaped): \(String(cString: strerror(errno)))")
}

/// A folder of our own for intermediate files, which nobody else may enter or read.
package final class PrivateFolder {
  private let path: String
  private var files: [(path: String, slot: Int32?)] = []

  fileprivate init(path: String) { self.path = path }

  /// The path of a file in the folder that goes away with it.
  ///
  /// - Parameter name: Name of the file, which a writer is yet to make.
  package func file(_ name: String) -> String {
    let file = "\(path)/\(name)"
    if !files.contains(where: { $0.path == file }) { files.append((file, PendingOutputs.register(file))) }
    return file
  }

  fileprivate func remove() {
    for file in files {
      unlink(file.path)
      if let slot = file.slot { PendingOutputs.unregister(slot) }
    }
    rmdir(path)
  }
}

/// Calls `body` with a new private folder. It and its files are gone when `body` returns, or when a signal ends the process;
/// what a process has left that was killed outright, the next removes.
///
/// - Parameter prefix: Beginning of the folder's name.
/// - Throws: `Failure` when it cannot be made, and what `body` throws.
package func withPrivateFolder<Result>(
  prefix: String, _ body: (PrivateFolder) throws -> Result
) throws -> Result {
  removeAbandonedFolders(prefix: prefix, name: nil)
  let (path, lock) = try privateFolder(prefix: prefix)
  defer { if lock >= 0 { close(lock) } }
  PendingOutputs.register(folder: path)
  let folder = PrivateFolder(path: path)
  defer {
    folder.remove()
    PendingOutputs.unregisterFolder()
  }
  return try body(folder)
}

/// Removes our own folders of processes that have been killed, which hold no lock any more.
///
/// - Parameter name: Name of the file in them; nil for any files.
private func removeAbandonedFolders(prefix: String, name: String?) {
  for entry in fileNames(in: temporaryFolder) {
    guard let random = entry.dropping(prefix: prefix + "-"), random.utf8.count == 6 else { continue }
    let folder = "\(temporaryFolder)/\(entry)"
    var status = stat()
    // A folder of another user cannot even be opened.
    guard lstat(folder, &status) == 0, status.st_uid == geteuid(), status.st_mode == S_IFDIR | 0o700 else {
      continue
    }
    let lock = HiddenFolder.lock(folder)
    guard lock >= 0 else { continue }
    for file in name.map({ [$0] }) ?? fileNames(in: folder) { unlinkat(lock, file, 0) }
    rmdir(folder)
    close(lock)
  }
}
