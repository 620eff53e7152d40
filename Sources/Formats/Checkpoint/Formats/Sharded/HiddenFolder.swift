import Platform

/// A folder named `.NAME.PID-0.tmp` that belongs to the run that holds its lock.
///
/// Unlike a file, a folder cannot be made without a name, so that a killed run leaves it there. The next run with the same
/// output finds the lock free and removes it. Nothing is removed where the file system has no locks.
package struct HiddenFolder {
  let path: String
  /// Holds the lock; negative where there are none.
  private let descriptor: Int32

  /// Creates the first folder that can be created.
  ///
  /// - Parameter prefixes: what comes before `.PID-0.tmp`, the best place first.
  /// - Throws: `CheckpointError.cannotCreate`.
  init(_ prefixes: [String], label: String) throws(CheckpointError) {
    var code: Int32 = 0
    for prefix in prefixes {
      for attempt in 0..<1000 {
        let candidate = "\(prefix).\(getpid())-\(attempt).tmp"
        guard mkdir(candidate, 0o777) == 0 else {
          code = errno
          if code == EEXIST { continue } else { break }
        }
        let descriptor = Self.lock(candidate)
        // Another run has taken the folder for an abandoned one.
        if descriptor < 0 && (errno == EWOULDBLOCK || errno == ENOENT) { continue }
        path = candidate
        self.descriptor = descriptor
        return
      }
    }
    throw .cannotCreate(path: label, reason: systemMessage(code == 0 ? EEXIST : code))
  }

  /// Lets others remove what may be left of the folder.
  func unlock() { if descriptor >= 0 { close(descriptor) } }

  /// Removes the folders of killed runs.
  ///
  /// Only files go that such a run has written, or that have another name as well. Folders that waited for their way back
  /// when the run was killed return to the target.
  ///
  /// - Parameters:
  ///   - prefix: what comes before `.PID-0.tmp`.
  ///   - target: the folder that the runs were to replace.
  ///   - isWritten: whether such a run writes a file of this name.
  static func removeAbandoned(_ prefix: String, target: String, isWritten: (String) -> Bool) {
    let parent = OutputTarget.folder(of: prefix)
    // After the dot.
    let stem = prefix.utf8.dropFirst(parent.utf8.count + 1)
    for name in fileNames(in: parent.isEmpty ? "." : parent) {
      guard let origin = origin(name), origin.utf8.elementsEqual(stem) else { continue }
      let path = parent + name
      let descriptor = lock(path)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_uid == geteuid() else { continue }
      for file in fileNames(in: path) where fstatat(descriptor, file, &status, AT_SYMLINK_NOFOLLOW) == 0 {
        if status.st_mode & S_IFMT == S_IFDIR {
          renameat(descriptor, file, AT_FDCWD, "\(target)/\(file)")
        } else if isWritten(self.origin(file) ?? file) || status.st_nlink > 1 {
          unlinkat(descriptor, file, 0)
        }
      }
      rmdir(path)
    }
  }

  /// NAME of `.NAME.PID-0.tmp`, with any numbers.
  private static func origin(_ name: String) -> String? {
    guard let stem = name.dropping(prefix: ".")?.dropping(suffix: ".tmp") else { return nil }
    let bytes = Array(stem.utf8)
    guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    let numbers = bytes[(dot + 1)...].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard numbers.count == 2,
      numbers.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    return String(decoding: bytes[..<dot], as: UTF8.self)
  }

  /// A descriptor that holds the lock of the folder with this name; else negative, with the reason in `errno`: `EWOULDBLOCK` if
  /// another run holds it, `ENOENT` if one has removed the folder.
  package static func lock(_ path: String) -> Int32 {
    let descriptor = openRetrying(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return -1 }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(descriptor)
      errno = code
      return -1
    }
    // Whoever had the lock before may have removed the folder.
    var (named, held) = (stat(), stat())
    guard lstat(path, &named) == 0, fstat(descriptor, &held) == 0, named.st_ino == held.st_ino,
      named.st_dev == held.st_dev
    else {
      close(descriptor)
      errno = ENOENT
      return -1
    }
    return descriptor
  }
}

/// The names in a folder, in the order of their bytes; none if it cannot be read.
package func fileNames(in folder: String) -> [String] {
  guard let stream = opendir(folder) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted { TensorName($0) < TensorName($1) }
}
