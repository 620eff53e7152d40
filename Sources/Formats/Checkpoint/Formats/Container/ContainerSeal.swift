import Platform

/// The checksums in `__metadata__` that cover what blobs do not: the header, and the tensors that stayed native.
///
/// Stock tools drop metadata, so blobs do not depend on it. Two keys, so that no single flipped bit can hide both.
struct ContainerSeal {
  static let key = "ckz"
  static let checksKey = "ckz.crc32"
  static let baseKey = "ckz.base"
  static let keys = [key, checksKey, baseKey]
  /// Native tensors share a checksum until this many bytes: many small tensors then cost little.
  static let groupBytes = 1 << 16

  /// The native tensors of each group, in the order of storage; empty ones are in none.
  static func groups(_ natives: [TensorSpec]) -> [[TensorSpec]] {
    var groups: [[TensorSpec]] = []
    var open: [TensorSpec] = []
    var bytes = 0
    for spec in natives where spec.byteCount > 0 {
      open.append(spec)
      bytes += spec.byteCount
      if bytes >= groupBytes {
        groups.append(open)
        open = []
        bytes = 0
      }
    }
    return open.isEmpty ? groups : groups + [open]
  }

  /// Checksum of everything the header says apart from this checksum, however the header is spelled.
  static func headerChecksum(_ stored: [TensorSpec], _ metadata: Metadata) -> UInt32 {
    var metadata = metadata
    metadata[key] = nil
    return SafetensorsHeader.encode(stored, metadata: metadata).withUnsafeBytes { crc32($0) }
  }

  /// `metadata` with the seal added.
  static func seal(
    _ metadata: Metadata, stored: [TensorSpec], groupChecksums: [UInt32], base: String?
  ) -> Metadata {
    var sealed = metadata
    sealed[checksKey] = groupChecksums.map(hexadecimal).joined()
    sealed[baseKey] = base
    sealed[key] = "1 \(hexadecimal(headerChecksum(stored, sealed)))"
    return sealed
  }

  /// The groups' checksums.
  let groupChecksums: [UInt32]

  /// Reads and checks the seal of an open file; nil when it has none.
  ///
  /// - Throws: `BlobError`.
  init?(_ file: SafetensorsFile) throws(BlobError) {
    let announced = file.metadata[Self.key]
    let checks = file.metadata[Self.checksKey]
    if announced == nil && checks == nil { return nil }
    guard let announced, let checks else {
      throw BlobError("header is damaged: \(Self.key) metadata are incomplete")
    }
    guard announced.begins(with: "1 ") else {
      throw BlobError(
        "compressed by an unknown version \"\(escapedForDiagnostics(String(announced.prefix(16))))\"")
    }
    guard announced == "1 \(hexadecimal(Self.headerChecksum(file.tensors, file.metadata)))",
      !file.hasForeignEscapes
    else {
      throw BlobError("header is damaged, or a tool changed it and kept the \(Self.key) metadata: checksum")
    }
    let digits = Array(checks.utf8)
    let isHexadecimal = digits.allSatisfy {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
    }
    guard isHexadecimal, digits.count % 8 == 0 else {
      throw BlobError("header is damaged: \(Self.checksKey) metadata")
    }
    groupChecksums = stride(from: 0, to: digits.count, by: 8).map {
      UInt32(String(decoding: digits[$0..<$0 + 8], as: UTF8.self), radix: 16)!
    }
  }
}
