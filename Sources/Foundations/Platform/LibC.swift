// The C library for the whole tree: files that need it import Platform.
#if canImport(Glibc)
  @_exported import Glibc
#else
  @_exported import Darwin
#endif
