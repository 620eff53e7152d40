import CCheckpointKernels
import CZlib
import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct ContainerTests {
  /// Numbers as weights are distributed: many exponents, mantissas of noise.
  static func weights(_ count: Int, seed: UInt64 = 1) -> [Double] {
    var state = seed
    func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / 0x1p53
    }
    return (0..<count).map { _ in 0.05 * (next() + next() + next() - 1.5) * next() }
  }

  static func tensor(_ dtype: DType, _ shape: [Int], seed: UInt64 = 1) throws -> TensorValue {
    let count = shape.reduce(1, *)
    if dtype.isFloatingPoint && dtype != .f8e8m0 {
      return try TensorValue(doubles: weights(count, seed: seed), shape: shape, dtype: dtype)
    }
    let bytes = weights(count * dtype.bitWidth / 8, seed: seed).map {
      UInt8(truncatingIfNeeded: Int($0 * 1000))
    }
    return TensorValue(dtype: dtype, shape: shape, bytes: bytes)
  }

  static func write(
    _ values: [TensorName: TensorValue], to path: String, metadata: Metadata = Metadata(),
    options: WriteOptions? = nil
  ) throws {
    var compressing = WriteOptions()
    compressing.compress = true
    let tensors = values.map { spec($0.key, $0.value.dtype, $0.value.shape) }.sorted { $0.name < $1.name }
    let writer = try CheckpointWriter(
      to: .path(path), tensors: tensors, metadata: metadata, options: options ?? compressing)
    for spec in writer.order { try writer.write(values[spec.name]!) }
    try writer.finish()
  }

  func expect(_ source: any CheckpointSource, holds values: [TensorName: TensorValue]) throws {
    #expect(Set(source.tensors.map(\.name)) == Set(values.keys))
    for (name, value) in values { #expect(try source.value(name) == value, "\(name)") }
  }

  @Test(arguments: DType.allCases) func everyElementTypeReturns(_ dtype: DType) throws {
    let folder = try TemporaryFolder()
    let values: [TensorName: TensorValue] = [
      "large": try Self.tensor(dtype, [3, 70_000]), "small": try Self.tensor(dtype, [2, 4]),
      "empty": try Self.tensor(dtype, [0, 7]), "middle": try Self.tensor(dtype, [8192]),
    ]
    let metadata = Metadata(["a": "b", "ckz": "stale"])
    try Self.write(values, to: folder.file("x"), metadata: metadata)
    let source = try openCheckpoint(.path(folder.file("x")))
    try expect(source, holds: values)
    #expect(source.metadata == Metadata(["a": "b"]))
    // For every other reader it is a plain safetensors file.
    let stock = try SafetensorsFile(try InputFile.open(.path(folder.file("x")), temporaryFolder: "/tmp"))
    #expect(stock.spec("large")?.dtype == .u8)
    #expect(stock.spec("small")?.dtype == dtype)
    let plain = values.values.reduce(0) { $0 + $1.bytes.count }
    #expect(try folder.read("x").count < plain)
  }

  @Test func threadsAndDestinationsDoNotMatter() throws {
    let folder = try TemporaryFolder()
    let values: [TensorName: TensorValue] = [
      "w": try Self.tensor(.f32, [300_000]), "v": try Self.tensor(.bf16, [400_001]),
      "n": TensorValue(i64: [3], shape: []),
    ]
    try Self.write(values, to: folder.file("x"))
    var options = WriteOptions()
    options.compress = true
    options.threads = 3
    try Self.write(values, to: folder.file("y"), options: options)
    #expect(try folder.read("x") == folder.read("y"))
    var reading = OpenOptions()
    reading.threads = 3
    try expect(try openCheckpoint(.path(folder.file("x")), options: reading), holds: values)
    #expect(try folder.listing() == ["x", "y"])
  }

  @Test func readingAnyRange() throws {
    let folder = try TemporaryFolder()
    let value = try Self.tensor(.f32, [200_000])
    try Self.write(["w": value], to: folder.file("x"))
    let source = try openCheckpoint(.path(folder.file("x")))
    for range in [
      0..<1, 262_143..<262_145, 5..<600_000, 799_999..<800_000, 262_144..<524_288, 800_000..<800_000,
    ] {
      var bytes = [UInt8](repeating: 0xEE, count: range.count)
      try bytes.withUnsafeMutableBytes { try source.read("w", at: range.lowerBound, into: $0) }
      #expect(bytes == Array(value.bytes[range]))
    }
    #expect(throws: CheckpointError.outOfRange(path: source.label, "w", offset: 799_999, count: 2)) {
      var bytes: [UInt8] = [0, 0]
      try bytes.withUnsafeMutableBytes { try source.read("w", at: 799_999, into: $0) }
    }
  }

  @Test func noiseStaysNative() throws {
    let folder = try TemporaryFolder()
    var generator = SystemRandomNumberGenerator()
    let noise = TensorValue(
      dtype: .u8, shape: [100_000],
      bytes: (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
    try Self.write(["noise": noise], to: folder.file("x"))
    #expect(try folder.read("x").count <= 8 + 256 + 100_000)
    try expect(try openCheckpoint(.path(folder.file("x"))), holds: ["noise": noise])
  }

  @Test func genuineVectorThatBeginsLikeABlob() throws {
    let folder = try TemporaryFolder()
    let value = TensorValue(dtype: .u8, shape: [11], bytes: BlobHeader.magic + [1, 2, 3])
    try Self.write(["v": value], to: folder.file("x"))
    try expect(try openCheckpoint(.path(folder.file("x"))), holds: ["v": value])
    let error = #expect(throws: CheckpointError.self) {
      try Self.write(["v": value], to: folder.file("y"), options: WriteOptions())
    }
    #expect(error?.description.contains("begins like compressed data") == true)
    #expect(try folder.listing() == ["x"])
  }

  /// A small file of every part a container has.
  static let small: [TensorName: TensorValue] = [
    "w\u{1}": try! tensor(.bf16, [2048]), "b": TensorValue(f32: [1, 2, 3], shape: [3]),
    "n": TensorValue(i64: [7], shape: []),
  ]

  func readAll(_ bytes: [UInt8], _ folder: TemporaryFolder) throws -> [TensorName: TensorValue] {
    try CheckpointTests.readAll(try folder.write(bytes, to: "flipped"))
  }

  func readAll(_ path: String) throws -> [TensorName: TensorValue] { try CheckpointTests.readAll(path) }

  @Test func everyBitFlipIsFound() throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.small, to: folder.file("x"), metadata: Metadata(["k": "v\u{1f}"]))
    let whole = try folder.read("x")
    #expect(try readAll(whole, folder) == Self.small)
    var missed: [Int] = []
    try forEachBitFlip(whole) { path, bit in if (try? readAll(path)) != nil { missed.append(bit) } }
    #expect(missed == [])
    try forEachTruncation(whole) { path, length in if (try? readAll(path)) != nil { missed.append(length) } }
    #expect(missed == [])
  }

  /// Stock tools drop the metadata when they save a file again.
  @Test func blobsThatLostTheirMetadata() throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.small, to: folder.file("x"))
    let file = try SafetensorsFile(try InputFile.open(.path(folder.file("x")), temporaryFolder: "/tmp"))
    let blob = try file.value("w\u{1}")
    let header = SafetensorsHeader.encode([spec("w", .u8, blob.shape)], metadata: Metadata(["format": "pt"]))
    #expect(try readAll(header + blob.bytes, folder) == ["w": Self.small["w\u{1}"]!])
    var missed: [Int] = []
    try forEachBitFlip(header + blob.bytes) { path, bit in
      if bit >= header.count * 8, (try? readAll(path)) != nil { missed.append(bit) }
    }
    #expect(missed == [])
    for length in 8..<blob.bytes.count {
      let header = SafetensorsHeader.encode([spec("w", .u8, [length])], metadata: Metadata())
      #expect((try? readAll(header + blob.bytes[..<length], folder)) == nil, "length \(length)")
    }
    let longer = SafetensorsHeader.encode([spec("w", .u8, [blob.bytes.count + 8])], metadata: Metadata())
    #expect((try? readAll(longer + blob.bytes + [UInt8](repeating: 0, count: 8), folder)) == nil)
  }

  /// A header whose checksum is right but whose fields lie.
  @Test func forgedBlobHeaders() throws {
    let raw = try Self.tensor(.bf16, [4096])
    let encoded = raw.bytes.withUnsafeBytes {
      BlobEncoder(spec: spec("w", .bf16, [4096]), pool: .caller).encode($0)
    }
    let blob = Array(try #require(encoded).parts.joined())
    func parse(_ change: (inout [UInt8]) -> Void) throws -> BlobHeader {
      var forged = blob
      change(&forged)
      let count = BlobHeader.encodedCount(rank: 1, blocks: 1, width: 2)
      let crc = forged[..<(count - 4)].withUnsafeBytes { crc32($0) }
      forged.replaceSubrange(count - 4..<count, with: littleEndianBytes(crc))
      return try BlobHeader(length: forged.count) { Array(forged[$0..<$0 + $1]) }
    }
    #expect(try parse { _ in }.shape == [4096])
    func reason(_ change: (inout [UInt8]) -> Void) -> String? {
      do {
        _ = try parse(change)
        return nil
      } catch { return (error as? BlobError)?.reason }
    }
    #expect(reason { $0[8] = 2 } == "compressed data have version 2, not 1")
    #expect(reason { $0[9] = 99 } == "compressed data have an unknown element type or transform")
    #expect(reason { $0[10] = 9 } == "compressed data have an unknown element type or transform")
    #expect(reason { $0[11] = 3 } == "compressed data are damaged: header")
    #expect(reason { $0[14] = 1 } == "compressed data have an unknown element type or transform")
    #expect(reason { $0[16..<20] = [0, 0, 0, 0] } == "compressed data have impossible blocks")
    #expect(reason { $0[16..<20] = [1, 0, 0, 0] } == "compressed data have impossible blocks")
    #expect(reason { $0[19] = 0xFF } == "compressed data have impossible blocks")
    #expect(reason { $0[20..<24] = [0xFF, 0xFF, 0xFF, 0xFF] } == "compressed data are damaged: header")
    #expect(reason { $0[24] ^= 1 } == "compressed data have an impossible shape")
    #expect(reason { $0[47] = 0x7F } == "compressed data have an impossible shape")
    #expect(reason { $0[48] ^= 1 } == "compressed data have an impossible block table")
    #expect(reason { $0[52] ^= 8 } == "compressed data have another length than they say")
  }

  @Test func differenceToABase() throws {
    let folder = try TemporaryFolder()
    let old: [TensorName: TensorValue] = [
      "w": try Self.tensor(.bf16, [100_000]), "f": try Self.tensor(.f32, [50_000]),
      "i": try Self.tensor(.i32, [5000]), "new": try Self.tensor(.f16, [10]),
    ]
    var new = old.filter { $0.key != "new" }
    for name in ["w", "f"] as [TensorName] {
      let moved = try old[name]!.doubles().enumerated().map { $1 * (1 + 0.001 * Double($0 % 7)) }
      new[name] = try TensorValue(doubles: moved, shape: old[name]!.shape, dtype: old[name]!.dtype)
    }
    new["added"] = try Self.tensor(.f16, [40_000])
    try Self.write(old, to: folder.file("old"))
    try Self.write(new, to: folder.file("full"))
    var options = WriteOptions()
    options.compress = true
    options.base = try openCheckpoint(.path(folder.file("old")))
    try Self.write(new, to: folder.file("difference"), options: options)
    #expect(try folder.read("difference").count < folder.read("full").count * 8 / 10)

    var reading = OpenOptions()
    reading.base = options.base
    let source = try openCheckpoint(.path(folder.file("difference")), options: reading)
    try expect(source, holds: new)

    #expect(
      throws: CheckpointError.missingBase(path: folder.file("difference"), base: folder.file("old"))
    ) { try openCheckpoint(.path(folder.file("difference"))) }

    // Another checkpoint of the same shape is not the base.
    var other = old
    other["w"] = new["w"]
    try Self.write(other, to: folder.file("other"))
    reading.base = try openCheckpoint(.path(folder.file("other")))
    let wrong = try openCheckpoint(.path(folder.file("difference")), options: reading)
    #expect(throws: CheckpointError.self) { try wrong.value("w") }

    // No chains.
    options.base = source
    #expect(
      throws: CheckpointError.invalidRequest(
        path: folder.file("difference"), reason: "is itself a difference and cannot be a base")
    ) { try Self.write(new, to: folder.file("chain"), options: options) }
    reading.base = source
    #expect(throws: CheckpointError.self) {
      try openCheckpoint(.path(folder.file("difference")), options: reading)
    }
    reading.base = try openCheckpoint(.path(try folder.write(safetensors("{}"), to: "none")))
    #expect(throws: CheckpointError.missingTensor(path: folder.file("none"), "f")) {
      try openCheckpoint(.path(folder.file("difference")), options: reading)
    }
  }

  @Test func manySmallTensorsCostLittle() throws {
    let folder = try TemporaryFolder()
    var values: [TensorName: TensorValue] = [:]
    for index in 0..<2000 {
      values[TensorName("layer.\(index)")] = TensorValue(f32: [Float(index)], shape: [1])
    }
    try Self.write(values, to: folder.file("plain"), options: WriteOptions())
    try Self.write(values, to: folder.file("x"))
    #expect(try folder.read("x").count <= folder.read("plain").count * 1001 / 1000 + 1024)
    try expect(try openCheckpoint(.path(folder.file("x"))), holds: values)
  }

  /// Streams behind right checksums that do not hold what the header says.
  @Test func streamsThatLie() throws {
    let folder = try TemporaryFolder()
    let raw = (0..<5000).map { UInt8($0 % 7) }
    func deflated(_ bytes: [UInt8]) -> [UInt8] {
      var stream = [UInt8](repeating: 0, count: bytes.count * 2 + 1024)
      stream.removeLast(stream.count - ck_deflate(bytes, bytes.count, &stream))
      return stream
    }
    func read(_ stream: [UInt8]) throws -> [UInt8] {
      var header = BlobHeader(
        dtype: .u8, shape: [raw.count], transform: .planes, width: 1, wordsPerBlock: BlobHeader.blockBytes,
        rawCRC: raw.withUnsafeBytes { crc32($0) }, baseCRC: 0,
        blocks: [.init(planes: [.init(isDeflated: true, count: stream.count)], crc: 0)])
      let stored = stream + [UInt8](repeating: 0, count: header.paddingCount)
      header.blocks[0].crc = stored.withUnsafeBytes { crc32($0) }
      let blob = header.encoded() + stored
      let file = SafetensorsHeader.encode([spec("w", .u8, [blob.count])], metadata: Metadata()) + blob
      return try openCheckpoint(.path(try folder.write(file))).value("w").bytes
    }
    let stream = deflated(raw)
    #expect(try read(stream) == raw)
    let lies = [
      deflated(Array(raw.dropLast())), deflated(raw + [0]), stream + [0], Array(stream.dropLast()), [0xFF],
      [UInt8](repeating: 0, count: 100), [],
    ]
    for lie in lies {
      #expect(
        throws: CheckpointError.malformed(
          path: folder.file("x.safetensors"),
          // Too few bytes for what they claim are refused before anything is unpacked.
          reason: lie.count < 4
            ? "tensor \"w\": compressed data have an impossible block table"
            : "tensor \"w\": compressed data are damaged: deflate stream")
      ) { try read(lie) }
    }
  }

  /// The check value of the catalogue of parametrised CRC algorithms, CRC-32/ISO-HDLC; pieces join.
  @Test func combinesChecksumsOfParts() {
    let digits = Array("123456789".utf8)
    func crc(_ range: Range<Int>) -> UInt32 { digits[range].withUnsafeBytes { crc32($0) } }
    #expect(crc(0..<9) == 0xCBF4_3926)
    for split in 0...9 {
      #expect(combineCRC(crc(0..<split), crc(split..<9), 9 - split) == 0xCBF4_3926)
      #expect(digits[split...].withUnsafeBytes { crc32($0, continuing: crc(0..<split)) } == 0xCBF4_3926)
    }
    #expect(hexadecimal(0xAB) == "000000ab")
  }

  /// What the kernel writes is what zlib and libdeflate read, whatever the data look like.
  @Test func anyInflateReadsOurDeflate() throws {
    var state: UInt64 = 7
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    for round in 0..<600 {
      let count = Int(1 + random(round % 20 == 0 ? 70_000 : 400))
      var bytes = [UInt8](repeating: 7, count: count)
      for index in 0..<count {
        switch round % 5 {
        case 0: break
        case 1: bytes[index] = UInt8(random(3))
        case 2: bytes[index] = UInt8(random(256))
        case 3: bytes[index] = index > 0 && random(20) > 0 ? bytes[index - 1] : UInt8(random(256))
        default: bytes[index] = UInt8(random(1 + random(256)))
        }
      }
      var stream = [UInt8](repeating: 0, count: count * 2 + 1024)
      stream.removeLast(stream.count - ck_deflate(bytes, count, &stream))
      var inflated = [UInt8](repeating: 0, count: count)
      let valid = stream.withUnsafeBytes { source in
        inflated.withUnsafeMutableBytes { inflate(source, into: $0) }
      }
      #expect(valid && inflated == bytes)
      #expect(zlibInflated(stream, count: count) == bytes)
    }
  }

  /// The blocks' checksums are of what is stored; that of the tensor is of what is restored, and every whole read sees it.
  @Test func tensorChecksumIsCheckedOnEveryWholeRead() throws {
    let folder = try TemporaryFolder()
    let raw = try Self.tensor(.bf16, [300_000])
    let encoded = raw.bytes.withUnsafeBytes {
      BlobEncoder(spec: spec("w", .bf16, [300_000]), pool: .caller).encode($0)
    }
    var blob = Array(try #require(encoded).parts.joined())
    func path(_ name: String) throws -> String {
      let header = SafetensorsHeader.encode([spec("w", .u8, [blob.count])], metadata: Metadata())
      return try folder.write(header + blob, to: name)
    }
    let good = try path("good")
    let blocks = Int(ByteFields(blob).u32(20))
    #expect(blocks > 1)
    blob[32] ^= 1
    let count = BlobHeader.encodedCount(rank: 1, blocks: blocks, width: 2)
    let crc = blob[..<(count - 4)].withUnsafeBytes { crc32($0) }
    blob.replaceSubrange(count - 4..<count, with: littleEndianBytes(crc))
    let bad = try path("bad")
    let damage = "tensor \"w\": checksum does not match what is restored"

    /// Reads parts one after the other; the reason of the first failure.
    func reason(_ path: String, _ parts: [Range<Int>]) throws -> String? {
      let source = try openCheckpoint(.path(path))
      do {
        for part in parts {
          var bytes = [UInt8](repeating: 0, count: part.count)
          try bytes.withUnsafeMutableBytes { try source.read("w", at: part.lowerBound, into: $0) }
          #expect(bytes == Array(raw.bytes[part]))
        }
        return nil
      } catch CheckpointError.malformed(_, let reason) { return reason }
    }
    let whole = [
      [0..<600_000], [0..<100_000, 100_000..<600_000], [300_000..<600_000, 0..<300_000],
      [599_744..<600_000, 0..<300_000, 300_000..<600_000], [0..<400_000, 200_000..<600_000],
    ]
    for parts in whole {
      #expect(try reason(good, parts) == nil)
      #expect(try reason(bad, parts) == damage, "\(parts)")
    }
    // Of a part, the checksums of its blocks tell.
    #expect(try reason(bad, [599_744..<600_000, 0..<1]) == nil)
    #expect(throws: CheckpointError.self) { try readAll(bad) }
  }

  @Test func groupChecksumsAreHexadecimalDigits() throws {
    let folder = try TemporaryFolder()
    func reason(_ digits: String) throws -> String? {
      let tensor = spec("b", .f32, [1])
      var metadata = Metadata([ContainerSeal.checksKey: digits])
      metadata[ContainerSeal.key] = "1 \(hexadecimal(ContainerSeal.headerChecksum([tensor], metadata)))"
      let header = SafetensorsHeader.encode([tensor], metadata: metadata)
      do {
        _ = try readAll(header + [1, 2, 3, 4], folder)
        return nil
      } catch CheckpointError.malformed(_, let reason) { return reason }
    }
    #expect(try reason(hexadecimal(([1, 2, 3, 4] as [UInt8]).withUnsafeBytes { crc32($0) })) == nil)
    #expect(try reason("00000000")?.hasPrefix("checksum does not match") == true)
    for digits in ["zzzzzzzz", "+0000000", "-0000000", "0x000000", "B63CFBCD"] {
      #expect(try reason(digits) == "header is damaged: ckz.crc32 metadata", "\(digits)")
    }
  }

  /// No deflate stream says so much.
  @Test func blocksThatClaimMoreThanDeflateCanHold() throws {
    let raw = try Self.tensor(.bf16, [4096])
    let encoded = raw.bytes.withUnsafeBytes {
      BlobEncoder(spec: spec("w", .bf16, [4096]), pool: .caller).encode($0)
    }
    let blob = Array(try #require(encoded).parts.joined())
    var forged = blob
    let rank = 1
    // 2^23 words of one block from the few bytes there are.
    forged.replaceSubrange(16..<20, with: littleEndianBytes(UInt32(1 << 23)))
    forged.replaceSubrange(24..<32, with: littleEndianBytes(UInt64(1 << 24)))
    forged.replaceSubrange(40..<48, with: littleEndianBytes(UInt64(1 << 23)))
    let count = BlobHeader.encodedCount(rank: rank, blocks: 1, width: 2)
    let crc = forged[..<(count - 4)].withUnsafeBytes { crc32($0) }
    forged.replaceSubrange(count - 4..<count, with: littleEndianBytes(crc))
    #expect(throws: BlobError("compressed data have an impossible block table")) {
      try BlobHeader(length: forged.count) { Array(forged[$0..<$0 + $1]) }
    }
  }
}

/// The raw deflate stream inflated by zlib; nil when it is not exactly `count` bytes.
private func zlibInflated(_ source: [UInt8], count: Int) -> [UInt8]? {
  var source = source
  var target = [UInt8](repeating: 0, count: count)
  var stream = z_stream()
  guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    return nil
  }
  defer { inflateEnd(&stream) }
  let status = source.withUnsafeMutableBufferPointer { from in
    target.withUnsafeMutableBufferPointer { to in
      stream.next_in = from.baseAddress
      stream.avail_in = UInt32(from.count)
      stream.next_out = to.baseAddress
      stream.avail_out = UInt32(to.count)
      return CZlib.inflate(&stream, Z_FINISH)
    }
  }
  return status == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0 ? target : nil
}
