import Checkpoint
import Platform

/// Bytes that any thread can read at any place: an open file, memory, or a tensor.
final class RandomAccessBytes: Sendable {
  /// Name in errors.
  let path: String
  /// Number of bytes.
  let count: Int
  private let storage: Storage

  private enum Storage: Sendable {
    case descriptor(Int32)
    case memory([UInt8])
    case tensor(any CheckpointSource, TensorName)
  }

  /// Opens the regular file at `path`.
  init(path: String) throws(ImageDataError) {
    // Without O_NONBLOCK a FIFO would be waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: path, reason: systemMessage()) }
    self.path = path
    storage = .descriptor(descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      throw .readFailed(path: path, reason: systemMessage())
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .unreadable(path: path, reason: "not a regular file")
    }
    count = Int(status.st_size)
  }

  /// Bytes in memory under the name of the file they came from.
  init(_ bytes: [UInt8], path: String) {
    self.path = path
    count = bytes.count
    storage = .memory(bytes)
  }

  /// The data of a tensor in the file at `path`.
  init(_ source: any CheckpointSource, tensor: TensorSpec, path: String) {
    self.path = path
    count = tensor.byteCount
    storage = .tensor(source, tensor.name)
  }

  /// Copies everything that `input` still gives into a temporary file that has no name.
  init(spooling input: Int32, path: String) throws(ImageDataError) {
    guard let file = tmpfile() else { throw .readFailed(path: path, reason: "spooling: \(systemMessage())") }
    defer { fclose(file) }
    let descriptor = dup(fileno(file))
    guard descriptor >= 0 else { throw .readFailed(path: path, reason: "spooling: \(systemMessage())") }
    self.path = path
    storage = .descriptor(descriptor)
    var total = 0
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let taken = readSome(input, &buffer)
      if taken < 0 && errno == EINTR { continue }
      guard taken >= 0, buffer[..<taken].withUnsafeBytes({ writeAll(descriptor, $0) }) == 0 else {
        close(descriptor)
        throw .readFailed(path: path, reason: systemMessage())
      }
      if taken == 0 { break }
      total += taken
    }
    count = total
  }

  deinit {
    if case .descriptor(let descriptor) = storage { close(descriptor) }
  }

  /// The `length` bytes from `offset` on.
  /// - Throws: `readFailed`, also when there are fewer.
  func read(at offset: Int, count length: Int) throws(ImageDataError) -> [UInt8] {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
      throw .readFailed(path: path, reason: "expected \(length) bytes at \(offset), found \(count) in all")
    }
    switch storage {
    case .memory(let bytes): return Array(bytes[offset..<(offset + length)])
    case .descriptor(let descriptor): return try read(descriptor, at: offset, count: length)
    case .tensor(let source, let name):
      return try TensorFile.wrapped(path) {
        try [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
          let target = UnsafeMutableRawBufferPointer(buffer)
          try source.read(name, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: target[..<length]))
          filled = length
        }
      }
    }
  }

  private func read(_ descriptor: Int32, at offset: Int, count length: Int) throws(ImageDataError) -> [UInt8]
  {
    var result: (count: Int, code: Int32) = (0, 0)
    let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
      result = readAll(
        descriptor, at: offset,
        into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<length]))
      filled = result.count
    }
    guard bytes.count == length else {
      throw .readFailed(
        path: path,
        reason: result.code != 0
          ? systemMessage(result.code) : "the file became shorter while it was read")
    }
    return bytes
  }
}

// Outside the class, whose own `read` hides the system's.
private func readSome(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
  read(descriptor, &buffer, buffer.count)
}
