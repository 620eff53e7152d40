import Checkpoint
import Platform

/// A file that stores features between runs.
///
/// It is a `FeatureFile` whose description holds the key. One with another key, shape or contents counts as absent.
public struct FeatureCache: Sendable {
  private let directory: String
  private let key: ContentHash

  /// - Parameters:
  ///   - directory: an existing folder.
  ///   - key: fingerprint of everything that the features depend on.
  public init(directory: String, key: ContentHash) {
    self.directory = directory
    self.key = key
  }

  /// Path of the file.
  public var path: String { "\(directory)/features-\(key.hexadecimal).safetensors" }

  private var file: FeatureFile {
    FeatureFile(path: path, description: [("key", .string(key.hexadecimal))])
  }

  /// The features of an earlier run; nil if there are none, or if they have another key or are damaged.
  public func load() -> FeatureMaps? {
    guard let source = try? openCheckpoint(.path(path)),
      let state = try? StateFile(
        source, key: MetadataKey.features, fail: { TuningError.badFeatures(path: source.label, problem: $0) }),
      state.header["key"]?.stringValue == key.hexadecimal,
      let fingerprint = state.header["fingerprint"]?.stringValue, let shape = FeatureShape(state),
      let start = file.start(of: shape, in: source)
    else { return nil }
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size >= off_t(start + shape.byteCount) else {
      close(descriptor)
      return nil
    }
    guard
      let storage = try? FeatureStorage.map(
        descriptor, header: start, byteCount: shape.byteCount, path: path)
    else { return nil }
    let maps = FeatureMaps(shape, storage: storage)
    return file.fingerprint(of: maps) == fingerprint ? maps : nil
  }

  /// Storage for the features, in a file that is none yet.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func reserve(_ shape: FeatureShape) throws -> FeatureStorage { try file.reserve(shape) }

  /// Completes the file of `maps`, whose storage came from `reserve`, and gives it its name.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  public func save(_ maps: FeatureMaps) throws { try file.save(maps) }

  /// Removes an unfinished file that needed a name from the start.
  public func discard() { file.discard() }
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
