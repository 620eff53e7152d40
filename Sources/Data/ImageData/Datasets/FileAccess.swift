import CZlib
import Platform

// File names are bytes: names that are not UTF-8 must open, and must sort by their bytes.

/// The kind of file a path leads to, symbolic links followed.
enum FileKind {
  case folder, file, other

  init(path: String) throws(ImageDataError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .unreadable(path: path, reason: systemMessage()) }
    self.init(status)
  }

  fileprivate init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFDIR: self = .folder
    case S_IFREG: self = .file
    default: self = .other
    }
  }
}

/// The file names of a folder, sorted by bytes.
struct FolderListing {
  private(set) var folders: [[UInt8]] = []
  private(set) var files: [[UInt8]] = []
  /// Device and inode, which identify this folder.
  let identity: [UInt64]

  /// Lists the folder at `path`. As in Python, what cannot be looked at counts as a file.
  init(path: [UInt8]) throws(ImageDataError) {
    guard let stream = opendir(path.map(CChar.init(bitPattern:)) + [0]) else {
      throw .unreadable(path: display(path), reason: systemMessage())
    }
    defer { closedir(stream) }
    var status = stat()
    guard fstat(dirfd(stream), &status) == 0 else {
      throw .readFailed(path: display(path), reason: systemMessage())
    }
    identity = [UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino)]
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name == Array(".".utf8) || name == Array("..".utf8) { continue }
      var kind = FileKind.file
      if entry.pointee.d_type == UInt8(DT_DIR) {
        kind = .folder
      } else if entry.pointee.d_type != UInt8(DT_REG) {
        var target = stat()
        if fstatat(dirfd(stream), name.map(CChar.init(bitPattern:)) + [0], &target, 0) == 0 {
          kind = FileKind(target)
        }
      }
      if kind == .folder { folders.append(name) } else { files.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw .readFailed(path: display(path), reason: systemMessage()) }
    folders.sort { $0.lexicographicallyPrecedes($1) }
    files.sort { $0.lexicographicallyPrecedes($1) }
  }
}

/// The contents of the regular file at `path`.
///
/// - Throws: `badImage` for what is no regular file, and for one of more than `limit` bytes: files with holes claim any
///   length and take no space.
func readFile(
  _ path: [UInt8], limit: Int = DecodingBudget.largestFile
) throws(ImageDataError) -> [UInt8] {
  // A FIFO among the images must not block the run: without O_NONBLOCK, opening it would wait for a writer.
  let descriptor = open(path.map(CChar.init(bitPattern:)) + [0], O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw .unreadable(path: display(path), reason: openFailure(path)) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else {
    throw .readFailed(path: display(path), reason: systemMessage())
  }
  guard FileKind(status) == .file else { throw .badImage(item: display(path), reason: "not a regular file") }
  var failure: ImageDataError?
  let size = Int(status.st_size)
  guard size <= limit else {
    throw .badImage(item: display(path), reason: "expected at most \(limit) bytes, found \(size)")
  }
  let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
    while filled < size {
      let count = read(descriptor, buffer.baseAddress! + filled, size - filled)
      if count < 0 && errno == EINTR { continue }
      if count < 0 { failure = .readFailed(path: display(path), reason: systemMessage()) }
      if count <= 0 { return }
      filled += count
    }
  }
  if let failure { throw failure }
  return bytes
}

/// Why `path` did not open: a link that leads nowhere is there, and yet there is no such file.
private func openFailure(_ path: [UInt8]) -> String {
  let code = errno
  var status = stat()
  if code == ENOENT, lstat(path.map(CChar.init(bitPattern:)) + [0], &status) == 0 {
    return "a symbolic link to a file that is not there"
  }
  return systemMessage(code)
}

/// `path` as text; bytes that are not UTF-8 are shown as U+FFFD.
func display(_ path: some Collection<UInt8>) -> String { String(decoding: path, as: UTF8.self) }

/// Message of a failed system call, the last one unless told otherwise.
func systemMessage(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// ASCII letters in lower case.
func lowercased(_ bytes: some Sequence<UInt8>) -> [UInt8] {
  bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
}

/// The path of `name` in the folder of the file at `path`.
func siblingPath(_ path: String, _ name: String) -> String {
  let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[...$0] } ?? ""
  return folder + name
}

/// Decompresses a gzip file of one or several members.
/// - Parameters:
///   - bytes: The whole file.
///   - limit: Bytes above which the result is refused, so that a small file cannot fill the memory.
///   - path: Name in errors.
///   - stopsAtLimit: Whether the first `limit` bytes are wanted, and more are no error.
/// - Throws: `badDataset`.
func gunzip(
  _ bytes: [UInt8], limit: Int, path: String, stopsAtLimit: Bool = false
) throws(ImageDataError) -> [UInt8] {
  var stream = z_stream()
  // 16 added to the window bits: a gzip wrapper and nothing else.
  guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    throw .badDataset(path: path, reason: "cannot decompress: out of memory")
  }
  defer { inflateEnd(&stream) }
  var output: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 1 << 16)
  var consumed = 0
  var members = 0
  while true {
    var status = Z_OK
    let (used, made) = bytes.withUnsafeBufferPointer { input in
      block.withUnsafeMutableBufferPointer { block in
        let available = min(input.count - consumed, 1 << 30)
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + consumed })
        stream.avail_in = UInt32(available)
        stream.next_out = block.baseAddress
        stream.avail_out = UInt32(block.count)
        status = inflate(&stream, Z_NO_FLUSH)
        return (available - Int(stream.avail_in), block.count - Int(stream.avail_out))
      }
    }
    consumed += used
    output += block[..<made]
    if stopsAtLimit && output.count >= limit { return Array(output.prefix(limit)) }
    guard output.count <= limit else {
      throw .badDataset(path: path, reason: "expected at most \(limit) bytes after decompression, found more")
    }
    switch status {
    case Z_STREAM_END:
      if consumed == bytes.count { return output }
      // A member takes 18 bytes at least and may hold none, so this is no way to make much work of few bytes.
      members += 1
      guard members <= 1 << 16 else {
        throw .badDataset(path: path, reason: "more than 65536 members of gzip data")
      }
      inflateReset(&stream)
    case Z_OK: continue
    case Z_BUF_ERROR:
      throw .badDataset(path: path, reason: "truncated gzip data: it ends after \(bytes.count) bytes")
    default:
      throw .badDataset(path: path, reason: "bad gzip data near byte \(consumed)")
    }
  }
}

/// Many byte strings in one allocation: a million file names cost their bytes and little more.
struct PackedStrings: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  mutating func append(_ string: [UInt8]) {
    bytes += string
    ends.append(bytes.count)
  }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }
}
