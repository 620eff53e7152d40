import CPlatform
import Platform

/// A file that stores features between runs.
///
/// One page of header, then the features and their moments in the layout of `FeatureMaps`. The header holds,
/// as little-endian 64-bit words: a mark, the key, the shape and the fingerprint of everything after it. The
/// file appears under its name only when it is complete; one with another key, shape or contents counts as
/// absent.
public struct FeatureCache: Sendable {
  private let directory: String
  private let key: ContentHash

  private static let mark: UInt64 = 0x3130_5341_4546_4B43  // "CKFEAS01"

  /// - Parameters:
  ///   - directory: an existing folder.
  ///   - key: fingerprint of everything that the features depend on.
  public init(directory: String, key: ContentHash) {
    self.directory = directory
    self.key = key
  }

  /// Path of the file.
  public var path: String { "\(directory)/features-\(key.hexadecimal).cache" }

  /// The features of an earlier run; nil if there are none, or if they have another key or are damaged.
  public func load() -> FeatureMaps? {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size >= off_t(FeatureStorage.headerByteCount) else {
      close(descriptor)
      return nil
    }
    let byteCount = Int(status.st_size) - FeatureStorage.headerByteCount
    guard let storage = try? FeatureStorage.map(descriptor, byteCount: byteCount, path: path),
      let shape = shape(in: storage.header), shape.byteCount == byteCount,
      isIntact(storage)
    else { return nil }
    return FeatureMaps(shape, storage: storage)
  }

  /// Storage for the features, in a file without a valid header yet.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func reserve(_ shape: FeatureShape) throws -> FeatureStorage {
    var descriptor = ck_nameable_file(directory, 0o666)
    if descriptor < 0 { descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else {
      throw TuningError.cacheFailed(path: temporaryPath, reason: FeatureStorage.lastError())
    }
    do {
      return try .reserve(descriptor, byteCount: shape.byteCount, path: temporaryPath)
    } catch {
      discard()
      throw error
    }
  }

  /// Completes the file of `maps`, whose storage came from `reserve`, and gives it its name.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func save(_ maps: FeatureMaps) throws {
    let header = maps.storage.header
    let shape = maps.shape
    let fingerprint = Self.fingerprint(maps.storage)
    let words =
      [Self.mark, key.words.0, key.words.1]
      + [shape.count, shape.positions, shape.channels, shape.hasResidual ? 1 : 0].map { UInt64($0) }
      + [UInt64(FeatureElement.allCases.firstIndex(of: shape.element)!), fingerprint.0, fingerprint.1]
    for (index, word) in words.enumerated() {
      header.storeBytes(of: word.littleEndian, toByteOffset: 8 * index, as: UInt64.self)
    }
    guard msync(header.baseAddress!, header.count + shape.byteCount, MS_SYNC) == 0,
      ck_name_file(maps.storage.descriptor, temporaryPath) == 0 || errno == EEXIST,
      rename(temporaryPath, path) == 0
    else {
      let reason = FeatureStorage.lastError()
      discard()
      throw TuningError.cacheFailed(path: path, reason: reason)
    }
  }

  /// Removes an unfinished file that needed a name from the start.
  public func discard() { unlink(temporaryPath) }

  private var temporaryPath: String { "\(path).\(getpid())" }

  private func shape(in header: UnsafeMutableRawBufferPointer) -> FeatureShape? {
    let words = (0..<8).map { header.load(fromByteOffset: 8 * $0, as: UInt64.self).littleEndian }
    let elements = FeatureElement.allCases
    guard words[0] == Self.mark, words[1] == key.words.0, words[2] == key.words.1,
      words[3...5].allSatisfy({ (1...UInt64(1 << 40)).contains($0) }), words[6] <= 1,
      words[7] < elements.count
    else { return nil }
    // The product is bounded factor by factor: a damaged header must not overflow.
    let product = words[3...5].reduce(UInt64(1)) {
      let (value, overflow) = $0.multipliedReportingOverflow(by: $1)
      return overflow ? .max : value
    }
    guard product <= 1 << 48 else { return nil }
    return FeatureShape(
      count: Int(words[3]), positions: Int(words[4]), channels: Int(words[5]), hasResidual: words[6] == 1,
      element: elements[Int(words[7])])
  }

  private func isIntact(_ storage: FeatureStorage) -> Bool {
    let stored = [64, 72].map { storage.header.load(fromByteOffset: $0, as: UInt64.self).littleEndian }
    return Self.fingerprint(storage) == (stored[0], stored[1])
  }

  private static func fingerprint(_ storage: FeatureStorage) -> (UInt64, UInt64) {
    var hash = ContentHash()
    hash.add(storage.bytes)
    return hash.words
  }
}

/// A 128-bit fingerprint of bytes that identifies cached features. Fast, not cryptographic.
///
/// Two lanes take every eight bytes, each by the multiply-rotate step of MurmurHash3 (Appleby 2011) with its
/// own constants; the ends are mixed by SplitMix64's finalizer.
public struct ContentHash: Sendable {
  private var a: UInt64 = 0x243F_6A88_85A3_08D3
  private var b: UInt64 = 0x1319_8A2E_0370_7344
  private var length: UInt64 = 0

  /// The fingerprint of no bytes.
  public init() {}

  /// Adds bytes; the fingerprint depends on how they are divided into calls.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while offset + 8 <= bytes.count {
      add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var last: UInt64 = 0
    for index in offset..<bytes.count { last = last << 8 | UInt64(bytes[index]) }
    add(last)
    add(UInt64(bytes.count))
  }

  /// Adds a text's UTF-8 bytes.
  public mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  /// Adds another fingerprint.
  public mutating func add(_ other: ContentHash) {
    let (first, second) = other.words
    add(first)
    add(second)
  }

  /// Adds one word.
  @inline(__always)
  public mutating func add(_ word: UInt64) {
    let x = word &* 0x87C3_7B91_1142_53D5
    a = (a ^ (x << 31 | x >> 33) &* 0x4CF5_AD43_2745_937F)
    a = (a << 27 | a >> 37) &* 5 &+ 0x52DC_E729
    let y = word &* 0x9FB2_1C65_1E98_DF25
    b = (b ^ (y << 33 | y >> 31) &* 0xC6A4_A793_5BD1_E995)
    b = (b << 31 | b >> 33) &* 5 &+ 0x3849_5AB5
    length &+= 1
  }

  /// The fingerprint.
  public var words: (UInt64, UInt64) {
    func finish(_ value: UInt64) -> UInt64 {
      var z = value
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    return (finish(a ^ length) &+ finish(b), finish(b &+ length) ^ finish(a))
  }

  /// The fingerprint as 32 hexadecimal digits.
  public var hexadecimal: String {
    [words.0, words.1].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
