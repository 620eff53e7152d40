import Platform

/// The storages of a PyTorch file: bytes by key.
final class TorchStorages: Sendable {
  struct Location: Equatable {
    var offset: Int
    var storedSize: Int
    var size: Int
    var isDeflated = false
    /// Zero when the writer left it out.
    var crc: UInt32 = 0
  }

  private let file: InputFile
  private let locations: [TensorName: Location]
  private let verified = Guarded<Set<TensorName>>([])
  /// Checksums of storages that are being read.
  private let checksums = Guarded<[TensorName: RangeChecksum]>([:])
  /// The storage that was needed last, for views and deflated records: these are read as a whole.
  private let cache = Guarded<(key: TensorName, bytes: [UInt8])?>(nil)

  init(_ file: InputFile, _ locations: [TensorName: Location]) {
    self.file = file
    self.locations = locations
  }

  func size(_ key: TensorName) -> Int? { locations[key]?.size }

  func hasChecksum(_ key: TensorName) -> Bool {
    locations[key].map { $0.crc != 0 || $0.size == 0 } ?? false
  }

  /// Where a tensor's data stand in the file as they are read; nil when they are deflated or not in order.
  func place(of view: TorchTensor) -> CheckpointStorage.Place? {
    guard let location = locations[view.storage.key], !location.isDeflated, view.isContiguous else {
      return nil
    }
    return .init(file: 0, offset: location.offset + view.offset * view.dtype.bitWidth / 8)
  }

  /// Reads a part of a storage.
  ///
  /// The checksum of a storage that is one whole tensor is verified when its last part has been read; that of a storage of
  /// which other parts may never be asked for, when it is touched first.
  ///
  /// - Parameter isWhole: Whether the tensor is all of the storage.
  func read(
    _ key: TensorName, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, isWhole: Bool
  ) throws {
    let location = locations[key]!
    if location.isDeflated {
      try withWhole(key) {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
      }
      return
    }
    guard isWhole, location.crc != 0 else {
      try verify(key, location)
      return try file.read(at: location.offset + offset, into: buffer)
    }
    try file.read(at: location.offset + offset, into: buffer)
    if verified.withLock({ $0.contains(key) }) { return }
    let part = crc32(UnsafeRawBufferPointer(buffer))
    let range = offset..<offset + buffer.count
    let known = checksums.withLock { checksums in
      checksums[key, default: RangeChecksum(length: location.size)].add(range, part)
      return checksums[key]!.state
    }
    if let crc = known.whole {
      try check(key, location, crc)
    } else if known.isTangled {
      try verify(key, location)
    }
  }

  private func check(_ key: TensorName, _ location: Location, _ crc: UInt32) throws {
    guard crc == location.crc else {
      throw CheckpointError.malformed(
        path: file.label, reason: "checksum of storage \"\(key)\" does not match")
    }
    verified.withLock { _ = $0.insert(key) }
    checksums.withLock { $0[key] = nil }
  }

  /// Calls `body` with the whole storage in memory; at most its size in the file, or what deflate can make of it.
  func withWhole(_ key: TensorName, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let bytes = try cache.withLock { cached in
      if let cached, cached.key == key { return cached.bytes }
      cached = nil
      let bytes = try load(key)
      cached = (key, bytes)
      return bytes
    }
    try bytes.withUnsafeBytes(body)
  }

  /// Gives up the memory of a storage that was needed as a whole.
  func release(_ key: TensorName) { cache.withLock { if $0?.key == key { $0 = nil } } }

  private func load(_ key: TensorName) throws -> [UInt8] {
    let location = locations[key]!
    let stored = try file.bytes(at: location.offset, count: location.storedSize)
    guard location.isDeflated else {
      try verify(key, location)
      return stored
    }
    var valid = false
    let bytes = [UInt8](unsafeUninitializedCapacity: location.size) { buffer, count in
      valid = stored.withUnsafeBytes {
        inflate(
          $0,
          into: UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(buffer)[..<location.size]))
      }
      count = valid ? location.size : 0
    }
    guard valid, location.crc == 0 || bytes.withUnsafeBytes({ crc32($0) }) == location.crc else {
      throw CheckpointError.malformed(path: file.label, reason: "record of storage \"\(key)\" is damaged")
    }
    return bytes
  }

  private func verify(_ key: TensorName, _ location: Location) throws {
    if location.crc == 0 || verified.withLock({ $0.contains(key) }) { return }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(location.size, 1 << 18), alignment: 64)
    defer { buffer.deallocate() }
    var crc: UInt32 = 0
    var offset = 0
    while offset < location.size {
      let chunk = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, location.size - offset)])
      try file.read(at: location.offset + offset, into: chunk)
      crc = crc32(UnsafeRawBufferPointer(chunk), continuing: crc)
      offset += chunk.count
    }
    try check(key, location, crc)
  }
}

/// The checksum of a record whose parts are read in any order, by several threads, each once.
///
/// Parts that have come are kept as disjoint ranges with their checksums and joined where they meet, so that nothing is read
/// twice for the sake of the checksum.
struct RangeChecksum {
  private let length: Int
  /// Disjoint and ascending, never touching.
  private var parts: [(range: Range<Int>, crc: UInt32)] = []
  /// True if a part overlapped others, so that only another read of the whole gives the checksum.
  private(set) var isTangled = false

  /// - Parameter length: Bytes of the record.
  init(length: Int) { self.length = length }

  /// The checksum of the whole, once all of it has come.
  var whole: UInt32? {
    guard let first = parts.first, parts.count == 1, first.range == 0..<length else { return nil }
    return first.crc
  }

  /// Both, to leave a lock with: a copy of the parts would keep the next one from being added in place.
  var state: (whole: UInt32?, isTangled: Bool) { (whole, isTangled) }

  /// Takes a part that has been read.
  mutating func add(_ range: Range<Int>, _ crc: UInt32) {
    if range.isEmpty || isTangled { return }
    // Parts inside this one, such as a sample that was read before, are no longer needed.
    parts.removeAll { range.lowerBound <= $0.range.lowerBound && $0.range.upperBound <= range.upperBound }
    var at = parts.firstIndex { $0.range.lowerBound >= range.lowerBound } ?? parts.count
    if at > 0, parts[at - 1].range.upperBound > range.lowerBound {
      // Known already, or known in part.
      isTangled = parts[at - 1].range.upperBound < range.upperBound
      return
    }
    // Longer than this part, or it would be gone: known already.
    if at < parts.count, parts[at].range.lowerBound == range.lowerBound { return }
    guard at == parts.count || parts[at].range.lowerBound >= range.upperBound else {
      isTangled = true
      return
    }
    parts.insert((range, crc), at: at)
    if at + 1 < parts.count, parts[at + 1].range.lowerBound == parts[at].range.upperBound {
      join(at)
    }
    if at > 0, parts[at - 1].range.upperBound == parts[at].range.lowerBound {
      at -= 1
      join(at)
    }
  }

  private mutating func join(_ index: Int) {
    let next = parts.remove(at: index + 1)
    parts[index].crc = combineCRC(parts[index].crc, next.crc, next.range.count)
    parts[index].range = parts[index].range.lowerBound..<next.range.upperBound
  }
}
