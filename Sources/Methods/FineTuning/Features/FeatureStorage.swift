import CPlatform
import Checkpoint
import Platform

/// Storage format of cached features; all arithmetic is float32.
public enum FeatureElement: String, Sendable, CaseIterable {
  /// 32 bits: exact.
  case f32
  /// IEEE half precision, 16 bits: 11 significant bits, largest number 65504.
  case f16
  /// bfloat16, 16 bits: 8 significant bits, the range of float32.
  case bf16

  var byteCount: Int { self == .f32 ? 4 : 2 }

  /// Element type of the tensor in a file.
  var dtype: DType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }
}

/// Eight features in a storage format, as a type so that the tail's kernel is specialized.
protocol StoredLanes {
  /// The stored values, or nil if one of them is too large for the format.
  static func encode(_ values: SIMD8<Float>) -> Self?
  var decoded: SIMD8<Float> { get }
}

struct Float32Lanes: StoredLanes {
  let decoded: SIMD8<Float>

  @inline(__always)
  static func encode(_ values: SIMD8<Float>) -> Float32Lanes? { Float32Lanes(decoded: values) }
}

struct BFloat16Lanes: StoredLanes {
  let bits: SIMD8<UInt16>

  static func encode(_ values: SIMD8<Float>) -> BFloat16Lanes? {
    let bits = unsafeBitCast(values, to: SIMD8<UInt32>.self)
    // Round to nearest, ties to even: the bit below the kept ones plus the lowest kept one.
    let rounded = bits &+ 0x7FFF &+ ((bits &>> 16) & 1)
    let result = BFloat16Lanes(bits: SIMD8<UInt16>(truncatingIfNeeded: rounded &>> 16))
    return (0..<8).allSatisfy { result.decoded[$0].isFinite || !values[$0].isFinite } ? result : nil
  }

  var decoded: SIMD8<Float> {
    @inline(__always) get {
      unsafeBitCast(SIMD8<UInt32>(truncatingIfNeeded: bits) &<< 16, to: SIMD8<Float>.self)
    }
  }
}

struct Float16Lanes: StoredLanes {
  let bits: SIMD8<UInt16>

  static func encode(_ values: SIMD8<Float>) -> Float16Lanes? {
    var bits = SIMD8<UInt16>()
    for lane in 0..<8 {
      let half = Float16(values[lane])
      guard half.isFinite else { return nil }
      bits[lane] = half.bitPattern
    }
    return Float16Lanes(bits: bits)
  }

  var decoded: SIMD8<Float> {
    @inline(__always) get {
      // Exponent and fraction moved into place, then the bias corrected by an exact product, which also gives
      // subnormal numbers their value. Infinities do not occur: `encode` refuses them.
      let wide = SIMD8<UInt32>(truncatingIfNeeded: bits)
      let magnitude = unsafeBitCast((wide & 0x7FFF) &<< 13, to: SIMD8<Float>.self) * 0x1p112
      let sign = (wide & 0x8000) &<< 16
      return unsafeBitCast(unsafeBitCast(magnitude, to: SIMD8<UInt32>.self) | sign, to: SIMD8<Float>.self)
    }
  }
}

/// Extent and storage of a set of cached features.
public struct FeatureShape: Sendable, Equatable {
  /// Number of images (or of views of images).
  public var count: Int
  /// Values per channel and image: height × width of the map, 1 for pooled features.
  public var positions: Int
  /// Channels of the map.
  public var channels: Int
  /// True if a residual map is stored with each map.
  public var hasResidual: Bool
  /// Storage format of the values.
  public var element: FeatureElement

  /// - Parameters: the properties.
  public init(
    count: Int, positions: Int, channels: Int, hasResidual: Bool, element: FeatureElement = .f32
  ) {
    self.count = count
    self.positions = positions
    self.channels = channels
    self.hasResidual = hasResidual
    self.element = element
  }

  static let lanes = 8

  /// Channels rounded up to whole blocks of eight.
  static func stride(channels: Int) -> Int { (channels + lanes - 1) / lanes * lanes }

  var stride: Int { Self.stride(channels: channels) }
  /// Vectors of eight per block: the positions of the map, then those of the residual.
  var runs: Int { hasResidual ? 2 * positions : positions }
  var imageByteCount: Int { stride * runs * element.byteCount }
  var momentsByteCount: Int { 2 * count * stride * 8 }

  /// Bytes of the features and their moments.
  public var byteCount: Int { count * imageByteCount + momentsByteCount }
}

/// Memory for cached features: anonymous or file-backed.
public final class FeatureStorage: @unchecked Sendable {
  /// Bytes of features and what follows them, without the header.
  public let byteCount: Int
  let base: UnsafeMutableRawPointer
  /// The file; -1 for anonymous memory.
  let descriptor: Int32
  private let mapping: UnsafeMutableRawPointer
  private let mappingLength: Int

  /// Features begin in a file at a multiple of this, so that they stay aligned.
  static let pageSize = 4096

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
    return try reserve(descriptor, header: 0, byteCount: byteCount, path: directory)
  }

  /// Extends the file of `descriptor` to a header of `header` bytes, whole pages, and `byteCount` bytes, and maps it.
  ///
  /// The storage owns the descriptor from here on, also when this fails.
  static func reserve(
    _ descriptor: Int32, header: Int, byteCount: Int, path: String
  ) throws -> FeatureStorage {
    // Blocks are allocated now: a full disk would otherwise show as a fatal signal at some later store.
    let status = posix_fallocate(descriptor, 0, off_t(max(1, header + byteCount)))
    guard status == 0 else {
      close(descriptor)
      throw TuningError.cacheFailed(path: path, reason: String(cString: strerror(status)))
    }
    return try map(descriptor, header: header, byteCount: byteCount, path: path)
  }

  /// Maps the features that begin at byte `header` of the file of `descriptor`, which must be long enough; the storage
  /// owns it from here on.
  static func map(
    _ descriptor: Int32, header: Int, byteCount: Int, path: String
  ) throws -> FeatureStorage {
    guard let storage = FeatureStorage(mapping: descriptor, byteCount: byteCount, offset: header) else {
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

  /// The bytes before the features; empty for memory and scratch files.
  var header: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: mapping, count: base - mapping)
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: byteCount) }

  static func lastError() -> String { String(cString: strerror(errno)) }
}
