import Platform

/// An open container: a safetensors file with blobs, read as if it contained the plain tensors.
final class CompressedFile: CheckpointSource {
  struct Blob: Sendable {
    var header: BlobHeader
    /// Where each block starts in the blob, and where the last ends.
    var starts: [Int]
    var spec: TensorSpec
  }

  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata

  let file: SafetensorsFile
  let blobs: [TensorName: Blob]
  /// Group of a native tensor, its members and checksum; empty without a seal.
  private let groups: [(members: [TensorSpec], crc: UInt32)]
  private let groupOf: [TensorName: Int]
  private let base: (any CheckpointSource)?
  private let pool: LazyThreadPool
  private let verified = Guarded<(groups: Set<Int>, bases: Set<TensorName>, tensors: Set<TensorName>)>(
    ([], [], []))
  /// Checksums of tensors that are being read in parts.
  private let checksums = Guarded<[TensorName: RangeChecksum]>([:])
  /// The block that was needed last: reads that end amid a block are continued by the next one.
  private let cache = Guarded<(name: TensorName, block: Int, bytes: [UInt8])?>(nil)

  let storage: CheckpointStorage
  private let indices: [TensorName: Int]
  /// Names in the base of tensors that go by another name there, where wrappers were taken off.
  private let baseNames: [TensorName: TensorName]

  /// True if any tensor is stored as a difference to another checkpoint.
  var isDelta: Bool { blobs.values.contains { $0.header.transform.isDelta } }

  /// - Returns: nil when the file holds neither blobs nor a seal.
  /// - Throws: `CheckpointError`.
  init?(_ file: SafetensorsFile, options: OpenOptions) throws {
    var blobs: [TensorName: Blob] = [:]
    for spec in file.tensors where spec.dtype == .u8 && spec.shape.count == 1 && spec.byteCount >= 8 {
      blobs[spec.name] = try Self.blob(spec, in: file)
    }
    let seal: ContainerSeal?
    do {
      seal = try ContainerSeal(file)
    } catch {
      throw CheckpointError.malformed(path: file.label, reason: error.reason)
    }
    if blobs.isEmpty && seal == nil { return nil }
    self.file = file
    self.blobs = blobs
    label = file.label
    pool = LazyThreadPool(threads: options.threads)
    tensors = file.tensors.map { blobs[$0.name]?.spec ?? $0 }
    let native = file.tensors.filter { blobs[$0.name] == nil }
    var metadata = file.metadata
    for key in ContainerSeal.keys { metadata[key] = nil }
    self.metadata = metadata

    var groupOf: [TensorName: Int] = [:]
    let members = seal == nil ? [] : ContainerSeal.groups(native)
    if let seal, seal.groupChecksums.count != members.count {
      throw CheckpointError.malformed(
        path: label, reason: "header is damaged: \(ContainerSeal.checksKey) metadata")
    }
    groups = zip(members, seal?.groupChecksums ?? []).map { (members: $0, crc: $1) }
    for (index, group) in members.enumerated() {
      for spec in group { groupOf[spec.name] = index }
    }
    self.groupOf = groupOf
    base = options.base
    let isDelta = blobs.values.contains { $0.header.transform.isDelta }
    var baseNames: [TensorName: TensorName] = [:]
    if let base, isDelta {
      for (spec, name) in zip(file.tensors, UnwrappedNames(file.tensors).names) {
        if let name, base.index(of: spec.name) == nil { baseNames[spec.name] = name }
      }
    }
    self.baseNames = baseNames
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    var storage = file.storage
    storage.formatDescription =
      isDelta && options.base != nil
      ? "compressed safetensors, differences to \(options.base!.label)" : "compressed safetensors"
    for (index, spec) in file.tensors.enumerated() {
      // Without a seal, only the blobs are covered.
      let blob = blobs[spec.name]
      storage.tensors[index].isCovered = blob != nil || groupOf[spec.name] != nil
      storage.tensors[index].checksum = blob?.header.rawCRC
      storage.tensors[index].place = nil
    }
    self.storage = storage
    if isDelta { try checkBase(named: file.metadata[ContainerSeal.baseKey]) }
  }

  private static func blob(_ spec: TensorSpec, in file: SafetensorsFile) throws -> Blob? {
    func bytes(_ offset: Int, _ count: Int) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      try bytes.withUnsafeMutableBytes { try file.read(spec.name, at: offset, into: $0) }
      return bytes
    }
    guard BlobHeader.looksLikeMagic(try bytes(0, 8)) else { return nil }
    do {
      let header = try BlobHeader(length: spec.byteCount, read: bytes)
      var starts = [header.encodedCount]
      for block in header.blocks { starts.append(starts.last! + block.storedCount) }
      starts[starts.count - 1] += header.paddingCount
      return Blob(
        header: header, starts: starts,
        spec: TensorSpec(name: spec.name, dtype: header.dtype, shape: header.shape))
    } catch let error as BlobError {
      throw CheckpointError.malformed(path: file.label, reason: "tensor \"\(spec.name)\": \(error.reason)")
    }
  }

  private func checkBase(named name: String?) throws {
    guard let base else {
      throw CheckpointError.missingBase(path: label, base: name)
    }
    if let base = base as? CompressedFile, base.isDelta {
      throw CheckpointError.invalidRequest(
        path: base.label, reason: "is itself a difference and cannot be a base")
    }
    for blob in blobs.values.sorted(by: { $0.spec.name < $1.spec.name }) where blob.header.transform.isDelta {
      guard let found = base.spec(baseName(blob.spec.name)) else {
        throw CheckpointError.missingTensor(path: base.label, blob.spec.name)
      }
      guard found.layout == blob.spec.layout else {
        throw CheckpointError.mismatch(
          path: base.label, found.name, expected: blob.spec.layout, found: found.layout)
      }
    }
  }

  private func baseName(_ name: TensorName) -> TensorName { baseNames[name] ?? name }

  func index(of name: TensorName) -> Int? { indices[name] }

  func reader(at index: Int) -> TensorReader {
    let name = tensors[index].name
    return { [self] in try read(name, at: $0, into: $1) }
  }

  private func read(
    _ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    guard let blob = blobs[name] else {
      try verifyGroup(of: name)
      return try file.read(name, at: byteOffset, into: buffer)
    }
    try checkRange(of: blob.spec, at: byteOffset, count: buffer.count)
    if buffer.isEmpty { return }
    if blob.header.transform.isDelta { try verifyBase(of: blob) }
    try decode(blob, at: byteOffset, into: buffer)
    try verifyTensor(blob, byteOffset, UnsafeRawBufferPointer(buffer))
  }

  /// Restores a part of a tensor, whose range has been checked.
  private func decode(_ blob: Blob, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    let blockBytes = blob.header.wordsPerBlock * blob.header.width
    let first = byteOffset / blockBytes
    let last = (byteOffset + buffer.count - 1) / blockBytes
    // Threads are worth waking for many blocks only; short reads come from loops that have threads of their own.
    let pool = last - first < 4 ? ThreadPool.caller : pool.value
    try pool.forEach(last - first + 1) { index, _ in
      let start = (first + index) * blockBytes
      let end = min(start + blockBytes, blob.spec.byteCount)
      let wanted = max(start, byteOffset)..<min(end, byteOffset + buffer.count)
      let target = UnsafeMutableRawBufferPointer(
        rebasing: buffer[wanted.lowerBound - byteOffset..<wanted.upperBound - byteOffset])
      if wanted == start..<end {
        try decode(blob, first + index, into: target)
      } else {
        try withCached(blob, first + index) { bytes in
          target.copyMemory(
            from: UnsafeRawBufferPointer(
              rebasing: bytes[wanted.lowerBound - start..<wanted.upperBound - start]))
        }
      }
    }
  }

  private func withCached(_ blob: Blob, _ block: Int, _ body: (UnsafeRawBufferPointer) -> Void) throws {
    let hit = cache.withLock { $0 }
    if let hit, hit.name == blob.spec.name, hit.block == block { return hit.bytes.withUnsafeBytes(body) }
    let blockBytes = blob.header.wordsPerBlock * blob.header.width
    var bytes = [UInt8](repeating: 0, count: min(blockBytes, blob.spec.byteCount - block * blockBytes))
    try bytes.withUnsafeMutableBytes { try decode(blob, block, into: $0) }
    cache.withLock { $0 = (blob.spec.name, block, bytes) }
    bytes.withUnsafeBytes(body)
  }

  private func decode(_ blob: Blob, _ block: Int, into target: UnsafeMutableRawBufferPointer) throws {
    let name = blob.spec.name
    let stored = UnsafeMutableRawBufferPointer.allocate(
      byteCount: blob.starts[block + 1] - blob.starts[block], alignment: 64)
    defer { stored.deallocate() }
    try file.read(name, at: blob.starts[block], into: stored)
    let before = UnsafeMutableRawBufferPointer.allocate(
      byteCount: blob.header.transform.isDelta ? target.count : 0, alignment: 64)
    defer { before.deallocate() }
    if let base, blob.header.transform.isDelta {
      try base.read(baseName(name), at: block * blob.header.wordsPerBlock * blob.header.width, into: before)
    }
    do throws(BlobError) {
      try BlobDecoder.decode(
        UnsafeRawBufferPointer(stored), blob.header.blocks[block], blob.header,
        base: UnsafeRawBufferPointer(before),
        into: target)
    } catch {
      throw CheckpointError.malformed(path: label, reason: "tensor \"\(name)\": \(error.reason)")
    }
  }

  /// The first time a native tensor is touched, the checksum of its group is verified.
  private func verifyGroup(of name: TensorName) throws {
    guard let index = groupOf[name], !verified.withLock({ $0.groups.contains(index) }) else { return }
    let crc = try groups[index].members.reduce(UInt32(0)) { try file.checksum(of: $1, continuing: $0) }
    guard crc == groups[index].crc else {
      let names = groups[index].members.prefix(4).map { "\"\($0.name)\"" }.joined(separator: ", ")
      throw CheckpointError.malformed(path: label, reason: "checksum does not match: damage in \(names)")
    }
    verified.withLock { _ = $0.groups.insert(index) }
  }

  /// Takes a part that has been read; once all of a tensor has come, its checksum is verified, whatever those of the
  /// blocks say: they are of what is stored, this one of what is restored.
  private func verifyTensor(_ blob: Blob, _ offset: Int, _ part: UnsafeRawBufferPointer) throws {
    let name = blob.spec.name
    if verified.withLock({ $0.tensors.contains(name) }) { return }
    let crc = crc32(part)
    let known = checksums.withLock { checksums in
      checksums[name, default: RangeChecksum(length: blob.spec.byteCount)].add(
        offset..<offset + part.count, crc)
      return checksums[name]!.state
    }
    if let whole = try known.whole ?? (known.isTangled ? wholeChecksum(of: blob) : nil) {
      guard whole == blob.header.rawCRC else {
        throw CheckpointError.malformed(
          path: label, reason: "tensor \"\(name)\": checksum does not match what is restored")
      }
      verified.withLock { _ = $0.tensors.insert(name) }
      checksums.withLock { $0[name] = nil }
    }
  }

  /// The checksum of a whole tensor, block by block.
  private func wholeChecksum(of blob: Blob) throws -> UInt32 {
    let blockBytes = blob.header.wordsPerBlock * blob.header.width
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(blockBytes, blob.spec.byteCount), alignment: 64)
    defer { buffer.deallocate() }
    var crc: UInt32 = 0
    for start in stride(from: 0, to: blob.spec.byteCount, by: blockBytes) {
      let block = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(blockBytes, blob.spec.byteCount - start)])
      try decode(blob, start / blockBytes, into: block)
      crc = crc32(UnsafeRawBufferPointer(block), continuing: crc)
    }
    return crc
  }

  private func verifyBase(of blob: Blob) throws {
    let name = blob.spec.name
    guard let base, !verified.withLock({ $0.bases.contains(name) }) else { return }
    var baseSpec = blob.spec
    baseSpec.name = baseName(name)
    guard try base.checksum(of: baseSpec) == blob.header.baseCRC else {
      throw CheckpointError.malformed(
        path: base.label, reason: "tensor \"\(name)\" is not the one that \(label) was compressed against")
    }
    verified.withLock { _ = $0.bases.insert(name) }
  }
}
