import CPlatform
import Platform
import Synchronization

/// Files that must not outlive the process: outputs that are still being written, and what is only passed on.
public enum PendingOutputs {
  /// Removes all of them.
  ///
  /// Async-signal-safe: meant for the handler of a signal that ends the process.
  public static func removeAll() {
    ck_pending_outputs_remove()
    if let path = UnsafePointer<CChar>(bitPattern: folder.load(ordering: .acquiring)) { rmdir(path) }
  }

  /// The address of the name of a folder that goes away with the files in it, one at a time. The copy stays allocated, as
  /// a handler may be reading it.
  private static let folder = Atomic<UInt>(0)

  /// Lets `removeAll` remove a folder once it is empty.
  package static func register(folder path: String) {
    folder.store(UInt(bitPattern: strdup(path)), ordering: .releasing)
  }

  /// Lets the folder stay.
  package static func unregisterFolder() { folder.store(0, ordering: .releasing) }

  /// A slot for `path`; nil when all are taken, which only means that a signal would leave the file.
  public static func register(_ path: String) -> Int32? {
    let slot = ck_pending_outputs_add(path)
    return slot < 0 ? nil : slot
  }

  /// Lets the file of this slot stay.
  public static func unregister(_ slot: Int32) { ck_pending_outputs_forget(slot) }
}

extension Location {
  /// Identity of an output, however it is named: the file that the path and its links lead to, or the place where
  /// a new one would come; nil for what any number of outputs may share, such as `/dev/null`.
  ///
  /// - Throws: `CheckpointError.cannotCreate`.
  public func identity() throws(CheckpointError) -> OutputIdentity? {
    var status = stat()
    switch self {
    case .standardStream:
      guard fstat(STDOUT_FILENO, &status) == 0 else {
        return OutputIdentity(device: 0, inode: 1, name: "<stdout>")
      }
      // Two outputs would be mixed even in a terminal.
      return status.st_mode & S_IFMT == S_IFREG
        ? OutputIdentity(status) : OutputIdentity(device: 0, inode: 1, name: "<stdout>")
    case .path(let path):
      let place = folder ?? path
      if stat(place, &status) == 0 {
        let kind = status.st_mode & S_IFMT
        return kind == S_IFCHR || kind == S_IFBLK ? nil : OutputIdentity(status)
      }
      guard case .replaced(let resolved, _) = try OutputTarget(path: place) else { return nil }
      let parent = OutputTarget.folder(of: resolved)
      guard stat(parent.isEmpty ? "." : parent, &status) == 0 else {
        throw .cannotCreate(path: path, reason: systemMessage(errno))
      }
      var identity = OutputIdentity(status)
      identity.name = TensorName(String(decoding: resolved.utf8.dropFirst(parent.utf8.count), as: UTF8.self))
      return identity
    }
  }

  /// Checks that the output can be created, and leaves nothing on disk.
  ///
  /// - Parameter isFolder: Whether a folder of files is written and not one file.
  /// - Throws: `CheckpointError.cannotCreate`.
  public func tryToCreate(isFolder: Bool = false) throws(CheckpointError) {
    guard case .path(let path) = self else { return }
    if isFolder || folder != nil {
      try Self.tryFolder(folder ?? path, label: path)
      return
    }
    switch try OutputTarget(path: path) {
    case .replaced: try OutputFile(self).abort()
    // A FIFO has a reader that an attempt would disturb.
    case .writtenInto:
      guard access(path, W_OK) == 0 else { throw .cannotCreate(path: path, reason: systemMessage(errno)) }
    }
  }

  private static func tryFolder(_ folder: String, label: String) throws(CheckpointError) {
    var status = stat()
    var place = folder
    if stat(folder, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw .cannotCreate(path: label, reason: "is no folder")
      }
    } else {
      var plain = Array(folder.utf8)
      while plain.count > 1, plain.last == UInt8(ascii: "/") { plain.removeLast() }
      place = OutputTarget.folder(of: String(decoding: plain, as: UTF8.self))
      if place.isEmpty { place = "." }
    }
    guard access(place, W_OK | X_OK) == 0 else {
      throw .cannotCreate(path: label, reason: systemMessage(errno))
    }
  }
}

/// Identity of an output: two outputs of the same identity would overwrite each other.
public struct OutputIdentity: Hashable, Sendable {
  private var device: UInt64
  private var inode: UInt64
  /// The name in the folder of this device and inode, of a file that is not there yet.
  fileprivate var name: TensorName?

  fileprivate init(device: UInt64, inode: UInt64, name: TensorName?) {
    self.device = device
    self.inode = inode
    self.name = name
  }

  fileprivate init(_ status: stat) {
    self.init(
      device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(truncatingIfNeeded: status.st_ino),
      name: nil)
  }
}
