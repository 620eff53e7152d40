import CCrypto
import Checkpoint
import Platform

extension Series {
  /// SHA-256 of every checkpoint's files, concatenated in order, in hexadecimal; reads all of them.
  ///
  /// - Parameters:
  ///   - pool: Its threads read one checkpoint each.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  public func sha256(pool: ThreadPool, progress: @escaping (Int) -> Void = { _ in }) throws -> [String] {
    let lock = Condition()
    var results = [String](repeating: "", count: members.count)
    try pool.forEach(members.count) { (index, _) throws in
      var digest = SHA256()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
      defer { buffer.deallocate() }
      for file in members[index].source.files {
        for start in stride(from: 0, to: file.length, by: buffer.count) {
          let part = UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<min(buffer.count, file.length - start)])
          try file.read(at: start, into: part)
          digest.update(UnsafeRawBufferPointer(part))
        }
      }
      let text = digest.finish()
      lock.withLock {
        results[index] = text
        progress(members[index].byteCount)
      }
    }
    return results
  }
}

/// An incremental SHA-256 by OpenSSL's libcrypto, which uses the processor's instructions for it.
struct SHA256: ~Copyable {
  private let context: OpaquePointer

  init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("libcrypto has no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// The digest in hexadecimal.
  consuming func finish() -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &bytes, nil)
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
