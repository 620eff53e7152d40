// The C library for the whole tree: files that need it import Platform.
#if canImport(Glibc)
  @_exported import Glibc

  /// Exchanges two names in one step; -1 with `errno` where the system cannot.
  package func exchangeNames(_ a: String, _ b: String) -> Int32 {
    guard let renameat2 else {
      errno = ENOSYS
      return -1
    }
    // RENAME_EXCHANGE
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, 2)
  }

  private typealias RenameWithFlags =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

  /// `RLIMIT_AS` as `getrlimit` takes it.
  let addressSpaceResource = __rlimit_resource_t(bitPattern: RLIMIT_AS.rawValue)

  /// `renameat2(2)`, which the module of Glibc leaves out.
  private let renameat2 = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: RenameWithFlags.self) }
#else
  @_exported import Darwin

  /// Exchanges two names in one step; -1 with `errno` where the system cannot.
  package func exchangeNames(_ a: String, _ b: String) -> Int32 { renamex_np(a, b, UInt32(RENAME_SWAP)) }

  /// `RLIMIT_AS` as `getrlimit` takes it.
  let addressSpaceResource = RLIMIT_AS
#endif
