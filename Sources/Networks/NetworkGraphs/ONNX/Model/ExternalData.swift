import Checkpoint
import Platform

/// Location of an initializer's data in another file.
///
/// The name comes from the model: only files in the model's own folder and its subfolders are opened, and no
/// symbolic link is followed.
struct ExternalData: Sendable {
  let components: [String]
  let offset: Int
  let size: Int

  /// - Throws: `ONNXError.externalData`.
  init(_ entries: [OnnxSubset_Entry], of name: TensorName, size: Int, model: String) throws {
    func fail(_ reason: String) -> ONNXError { .externalData(path: model, name: name, reason: reason) }
    let values = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
    guard let location = values["location"], !location.isEmpty else { throw fail("names no file") }
    components = location.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
      String(Substring($0))
    }
    guard components.allSatisfy({ !["", ".", ".."].contains($0) && !$0.utf8.contains(0) }) else {
      throw fail("\"\(escapedForDiagnostics(location))\" is not a file inside of the model's folder")
    }
    func number(_ key: String) throws -> Int? {
      guard let text = values[key] else { return nil }
      guard let number = Int(text), number >= 0 else {
        throw fail("the \(key) \"\(escapedForDiagnostics(text))\" is no number of bytes")
      }
      return number
    }
    offset = try number("offset") ?? 0
    self.size = size
    if let length = try number("length"), length != size {
      throw fail("needs \(size) bytes, found a length of \(length)")
    }
    guard !offset.addingReportingOverflow(size).overflow else { throw fail("lies beyond any file's end") }
  }

  /// Reads `count` bytes from `start` of the tensor's data on.
  func read(in folder: String, of name: TensorName, model: String, at start: Int, count: Int) throws
    -> [UInt8]
  {
    func fail(_ reason: String) -> ONNXError { .externalData(path: model, name: name, reason: reason) }
    let path = components.joined(separator: "/")
    func failure(_ code: Int32) -> ONNXError {
      code == ELOOP || code == ENOTDIR
        ? fail("\"\(escapedForDiagnostics(path))\" is reached through a symbolic link")
        : fail("\"\(escapedForDiagnostics(path))\": cannot open: \(String(cString: strerror(code)))")
    }
    var descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(errno) }
    for (index, component) in components.enumerated() {
      // O_NONBLOCK: a FIFO in the file's place must not make us wait for a writer.
      let flags = index + 1 < components.count ? O_DIRECTORY : O_NONBLOCK
      let next = openat(descriptor, component, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
      let code = errno
      close(descriptor)
      guard next >= 0 else { throw failure(code) }
      descriptor = next
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw fail("\"\(escapedForDiagnostics(path))\" is no regular file")
    }
    let file = InputFile(descriptor: descriptor, length: Int(status.st_size), label: path)
    guard offset + size <= file.length else {
      throw fail(
        "\"\(escapedForDiagnostics(path))\" ends at byte \(file.length), before the data's end at \(offset + size)"
      )
    }
    return try file.bytes(at: offset + start, count: count)
  }
}
