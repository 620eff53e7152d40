#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A part of a file in memory without a copy, for reading only.
///
/// The pages are those of the system's cache, so reading them costs far less than copying them out. When the file
/// becomes shorter meanwhile, touching a page behind its end raises `SIGBUS`: only code that is prepared for that, as
/// `ck_average_accumulate_mapped` is, may look into a window.
public final class MappedWindow: @unchecked Sendable {
  /// The bytes of the file that are mapped.
  public let range: Range<Int>
  private let base: UnsafeMutableRawPointer

  /// - Returns: nil when the system does not map this file.
  init?(descriptor: Int32, range: Range<Int>) {
    let start = range.lowerBound & ~(Int(getpagesize()) - 1)
    let length = range.upperBound - start
    guard length > 0, let base = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, off_t(start)),
      base != MAP_FAILED
    else { return nil }
    self.base = base
    self.range = start..<range.upperBound
  }

  deinit { munmap(base, range.count) }

  /// The address of a byte of the file.
  ///
  /// - Precondition: `offset` lies in `range`.
  public func pointer(at offset: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(base + (offset - range.lowerBound))
  }
}
