import Checkpoint
import Platform

/// Calls `body` with the path of a file in a new folder of our own, which nobody else may enter or read.
///
/// Others may write to the folder of temporary files and would know a name that can be guessed. File and folder are gone
/// when `body` returns, or when a signal ends the process.
///
/// - Parameters:
///   - prefix: Beginning of the folder's name.
///   - name: Name of the file, which is there and empty.
/// - Throws: `Failure` when they cannot be made, and what `body` throws.
package func withPrivateFile<Result>(
  prefix: String, name: String, _ body: (_ path: String) throws -> Result
) throws -> Result {
  var template = Array("\(temporaryFolder)/\(prefix)-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else {
    throw Failure(
      .cannotCreate, "\(TensorName(temporaryFolder).escaped): \(String(cString: strerror(errno)))")
  }
  let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
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
