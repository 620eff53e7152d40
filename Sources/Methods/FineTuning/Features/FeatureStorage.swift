import CPlatform
import Platform

/// Memory for cached features: anonymous or file-backed.
public final class FeatureStorage: @unchecked Sendable {
  /// Bytes of features, without the header.
  public let byteCount: Int
  let base: UnsafeMutableRawPointer
  /// The file; -1 for anonymous memory.
  let descriptor: Int32
  private let mapping: UnsafeMutableRawPointer
  private let mappingLength: Int

  /// Bytes before the features in a file; a whole page, so that the features stay aligned.
  static let headerByteCount = 4096

  /// Anonymous memory, zeros.
  ///
  /// - Throws: `TuningError.outOfMemory`.
  public static func memory(byteCount: Int) throws -> FeatureStorage {
    guard let storage = FeatureStorage(mapping: -1, byteCount: byteCount, offset: 0) else {
      throw TuningError.outOfMemory(byteCount: byteCount)
    }
    return storage
  }

  /// Scratch space in the folder `directory`, in an unnamed file that disappears with its last user.
  ///
  /// - Throws: `TuningError.cacheFailed` when the file cannot be made or the disk has no room for it.
  public static func scratch(byteCount: Int, in directory: String) throws -> FeatureStorage {
    let descriptor = ck_scratch_file(directory)
    guard descriptor >= 0 else { throw TuningError.cacheFailed(path: directory, reason: lastError()) }
    return try reserve(descriptor, byteCount: byteCount, path: directory)
  }

  /// Extends the file of `descriptor` to a header and `byteCount` bytes, and maps it.
  ///
  /// The storage owns the descriptor from here on, also when this fails.
  static func reserve(_ descriptor: Int32, byteCount: Int, path: String) throws -> FeatureStorage {
    // Blocks are allocated now: a full disk would otherwise show as a fatal signal at some later store.
    let status = posix_fallocate(descriptor, 0, off_t(headerByteCount + byteCount))
    guard status == 0 else {
      close(descriptor)
      throw TuningError.cacheFailed(path: path, reason: String(cString: strerror(status)))
    }
    return try map(descriptor, byteCount: byteCount, path: path)
  }

  /// Maps the features of the file of `descriptor`, which must be long enough; the storage owns it from here
  /// on.
  static func map(_ descriptor: Int32, byteCount: Int, path: String) throws -> FeatureStorage {
    guard let storage = FeatureStorage(mapping: descriptor, byteCount: byteCount, offset: headerByteCount)
    else {
      let reason = lastError()
      close(descriptor)
      throw TuningError.cacheFailed(path: path, reason: reason)
    }
    return storage
  }

  private init?(mapping descriptor: Int32, byteCount: Int, offset: Int) {
    let flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED
    mappingLength = max(1, offset + byteCount)
    let address = mmap(nil, mappingLength, PROT_READ | PROT_WRITE, flags, descriptor, 0)
    guard let address, address != MAP_FAILED else { return nil }
    self.descriptor = descriptor
    mapping = address
    base = address + offset
    self.byteCount = byteCount
  }

  deinit {
    munmap(mapping, mappingLength)
    if descriptor >= 0 { close(descriptor) }
  }

  /// The bytes before the features; empty for anonymous memory.
  var header: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: mapping, count: base - mapping)
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: byteCount) }

  static func lastError() -> String { String(cString: strerror(errno)) }
}
