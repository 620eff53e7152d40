import CCheckpointKernels
import Platform

/// A blob in memory, in pieces so that no tensor is copied once more to join them.
struct EncodedBlob {
  var header: BlobHeader
  /// The encoded header, the blocks, the padding.
  var parts: [[UInt8]]
  var byteCount: Int { parts.reduce(0) { $0 + $1.count } }
}

/// Compresses a tensor into a blob.
struct BlobEncoder {
  /// Tensors below are not worth a blob, and stay readable by every tool.
  static let smallestTensor = 4096

  let spec: TensorSpec
  let pool: ThreadPool

  /// The word size and the transform without a base.
  ///
  /// Rotation moves the sign out of the top byte, which then holds the exponent, the part with redundancy. The
  /// exponent of F16 is too short for that to help.
  static func layout(of dtype: DType) -> (width: Int, transform: BlobHeader.Transform) {
    switch dtype {
    case .f32, .c64: (4, .rotate)
    case .bf16: (2, .rotate)
    case .f64: (8, .rotate)
    case .f16, .i16, .u16: (2, .planes)
    case .i32, .u32: (4, .planes)
    case .i64, .u64: (8, .planes)
    case .bool, .f4, .f6e2m3, .f6e3m2, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz:
      (1, .planes)
    }
  }

  /// The transform against a base.
  static func deltaTransform(of dtype: DType) -> BlobHeader.Transform {
    switch dtype {
    case .f32, .c64, .bf16, .f64, .f16, .f8e5m2, .f8e4m3, .f8e4m3fnuz, .f8e5m2fnuz: .deltaFloat
    default: .deltaInteger
    }
  }

  /// - Parameters:
  ///   - raw: The tensor's data.
  ///   - base: Data of the same element type and shape to subtract, if that helps.
  /// - Returns: The blob; nil when it would save less than 3 %.
  func encode(_ raw: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer? = nil) -> EncodedBlob? {
    guard raw.count >= Self.smallestTensor else { return nil }
    let (width, plain) = Self.layout(of: spec.dtype)
    let blob: EncodedBlob
    if let base, deltaIsSmaller(raw, base, width: width, plain: plain) {
      blob = encode(raw, base: base, width: width, transform: Self.deltaTransform(of: spec.dtype))
    } else {
      blob = encode(raw, base: nil, width: width, transform: plain)
    }
    return blob.byteCount * 100 <= raw.count * 97 ? blob : nil
  }

  /// The data as they are, in the form of a blob: for tensors that would be taken for one.
  func wrap(_ raw: UnsafeRawBufferPointer) -> EncodedBlob {
    encode(raw, base: nil, width: 1, transform: .none)
  }

  /// Decided on a block from the middle: early blocks of embeddings and such are not typical.
  private func deltaIsSmaller(
    _ raw: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, width: Int, plain: BlobHeader.Transform
  ) -> Bool {
    let words = min(raw.count, BlobHeader.blockBytes) / width
    let start = (raw.count / width - words) / 2 * width
    let range = start..<start + words * width
    let delta = encodeBlock(
      .init(rebasing: raw[range]), .init(rebasing: base[range]), width, Self.deltaTransform(of: spec.dtype))
    return delta.stored.count < encodeBlock(.init(rebasing: raw[range]), nil, width, plain).stored.count
  }

  private func encode(
    _ raw: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer?, width: Int, transform: BlobHeader.Transform
  ) -> EncodedBlob {
    let blockBytes = BlobHeader.blockBytes
    let count = (raw.count + blockBytes - 1) / blockBytes
    var encoded = [EncodedBlock?](repeating: nil, count: count)
    encoded.withUnsafeMutableBufferPointer { results in
      pool.forEach(count) { index, _ in
        let range = index * blockBytes..<min((index + 1) * blockBytes, raw.count)
        results[index] = encodeBlock(
          .init(rebasing: raw[range]), base.map { .init(rebasing: $0[range]) }, width, transform)
      }
    }
    let blocks = encoded.map { $0! }
    var header = BlobHeader(
      dtype: spec.dtype, shape: spec.shape, transform: transform, width: width,
      wordsPerBlock: blockBytes / width,
      rawCRC: blocks.reduce(0) { combineCRC($0, $1.rawCRC, $1.rawCount) },
      baseCRC: base.map { crc32($0) } ?? 0,
      blocks: blocks.map { .init(planes: $0.planes, crc: $0.storedCRC) })
    let padding = [UInt8](repeating: 0, count: header.paddingCount)
    if let last = header.blocks.indices.last {
      header.blocks[last].crc = padding.withUnsafeBytes { crc32($0, continuing: header.blocks[last].crc) }
    }
    return EncodedBlob(header: header, parts: [header.encoded()] + blocks.map(\.stored) + [padding])
  }

  private struct EncodedBlock {
    var planes: [BlobHeader.Plane]
    var stored: [UInt8]
    var storedCRC: UInt32
    var rawCRC: UInt32
    var rawCount: Int
  }

  private func encodeBlock(
    _ raw: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer?, _ width: Int,
    _ transform: BlobHeader.Transform
  ) -> EncodedBlock {
    let words = raw.count / width
    let split = UnsafeMutablePointer<UInt8>.allocate(capacity: raw.count)
    defer { split.deallocate() }
    ck_planes_kernels_best().pointee.split(
      transform.kernel, Int32(width), raw.baseAddress, base?.baseAddress, words, split)
    var planes: [BlobHeader.Plane] = []
    let stored = [UInt8](unsafeUninitializedCapacity: raw.count + ckDeflateBound(words)) { buffer, count in
      for index in 0..<width {
        let plane = split + index * words
        let target = buffer.baseAddress! + count
        if transform != .none && ck_is_noise(plane, words) == 0 {
          let length = ck_deflate(plane, words, target)
          if length < words - words / 64 {
            planes.append(.init(isDeflated: true, count: length))
            count += length
            continue
          }
        }
        target.update(from: plane, count: words)
        planes.append(.init(isDeflated: false, count: words))
        count += words
      }
    }
    return EncodedBlock(
      planes: planes, stored: stored, storedCRC: stored.withUnsafeBytes { crc32($0) }, rawCRC: crc32(raw),
      rawCount: raw.count)
  }
}

/// The macro `CK_DEFLATE_BOUND` of the kernel's header.
private func ckDeflateBound(_ count: Int) -> Int { count * 2 + 1024 }

/// Restores blocks of a blob.
enum BlobDecoder {
  /// Decodes one block.
  ///
  /// - Parameters:
  ///   - stored: Its stored bytes, padding included for the last.
  ///   - base: The same range of the base tensor, for deltas.
  ///   - raw: Filled completely.
  /// - Throws: `BlobError`.
  static func decode(
    _ stored: UnsafeRawBufferPointer, _ block: BlobHeader.Block, _ header: BlobHeader,
    base: UnsafeRawBufferPointer?,
    into raw: UnsafeMutableRawBufferPointer
  ) throws(BlobError) {
    guard crc32(stored) == block.crc, stored[block.storedCount...].allSatisfy({ $0 == 0 }) else {
      throw BlobError("compressed data are damaged: block checksum")
    }
    let words = raw.count / header.width
    let planes = UnsafeMutableRawBufferPointer.allocate(byteCount: raw.count, alignment: 64)
    defer { planes.deallocate() }
    var at = 0
    for (index, plane) in block.planes.enumerated() {
      let source = UnsafeRawBufferPointer(rebasing: stored[at..<at + plane.count])
      let target = UnsafeMutableRawBufferPointer(rebasing: planes[index * words..<(index + 1) * words])
      if !plane.isDeflated {
        target.copyMemory(from: source)
      } else if !inflate(source, into: target) {
        throw BlobError("compressed data are damaged: deflate stream")
      }
      at += plane.count
    }
    ck_planes_kernels_best().pointee.merge(
      header.transform.kernel, Int32(header.width), planes.baseAddress?.assumingMemoryBound(to: UInt8.self),
      base?.baseAddress, words, raw.baseAddress)
  }
}
