/// A file that a checkpoint is stored in, byte by byte; reading is thread safe.
public protocol StoredFile: Sendable {
  /// Size in bytes.
  var length: Int { get }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Throws: `CheckpointError` when the file ends before or cannot be read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError)
}

extension InputFile: StoredFile {}
