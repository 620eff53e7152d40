import CCheckpointKernels
import CZlib
import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Archives that readers would disagree about, or that ask for more than they hold.
@Suite struct ZipHostileTests {
  let folder: TemporaryFolder
  static let storage = TensorValue(f32: [1, 2, 3, 4], shape: [4])
  static let pickle = Pickle.file(Pickle.dictionary([("w", Pickle.tensor())]))

  init() throws { folder = try TemporaryFolder() }

  func archive(_ records: [(String, [UInt8])]) throws -> [UInt8] {
    let output = try OutputFile(.path(folder.file("archive.pt")))
    var zip = ZipWriter(output)
    for (name, data) in records { try zip.add(name, data) }
    try zip.finish()
    try output.commit()
    return try folder.read("archive.pt")
  }

  /// Two records: the pickle and one storage.
  func small(_ payload: [UInt8] = storage.bytes) throws -> [UInt8] {
    try archive([("a/data.pkl", Self.pickle), ("a/data/0", payload)])
  }

  func reason(_ bytes: [UInt8]) throws -> String? {
    do {
      let values = try readAll(try folder.write(bytes, to: "x"))
      #expect(values == ["w": Self.storage])
      return nil
    } catch CheckpointError.malformed(_, let reason) { return reason }
  }

  /// Where the directory's entries begin.
  func entries(_ bytes: [UInt8]) -> [Int] {
    bytes.indices.filter { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2, 45, 0]) }
  }

  func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int, in bytes: inout [UInt8]) {
    bytes.replaceSubrange(offset..<offset + Value.bitWidth / 8, with: littleEndianBytes(value))
  }

  @Test func overlappingRecords() throws {
    var bytes = try small()
    let entry = entries(bytes)[0]
    let size = ByteFields(bytes).u32(entry + 20) + 40
    put(size, at: entry + 20, in: &bytes)
    put(size, at: entry + 24, in: &bytes)
    #expect(try reason(bytes) == "zip: record \"a/data/0\" overlaps another")
  }

  @Test func directoryInAComment() throws {
    let good = try small()
    let end = Array(good.suffix(22))
    func commented(_ comment: [UInt8]) -> [UInt8] {
      Array(good.dropLast(2)) + littleEndianBytes(UInt16(comment.count)) + comment
    }
    #expect(try reason(commented(Array("made by hand".utf8))) == nil)
    #expect(try reason(commented(end)) == "zip: two directories")
    // PyTorch would take the one in the comment, whatever follows it.
    #expect(try reason(commented(end + [1, 2, 3])) == "zip: two directories")
    #expect(try reason(commented([1]) + [2]) == nil)
  }

  @Test func junkAround() throws {
    let good = try small()
    #expect(throws: CheckpointError.self) { try reason([0x50] + good) }
    #expect(
      try reason(good + [UInt8](repeating: 0, count: 70_000)) == "zip: truncated: no directory at the end")
    // Junk between the magic number and the first record, with offsets that account for it.
    var shifted = good
    shifted.insert(contentsOf: [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 60), at: 0)
    for entry in entries(shifted) {
      put(ByteFields(shifted).u32(entry + 42) + 64, at: entry + 42, in: &shifted)
    }
    put(ByteFields(shifted).u32(shifted.count - 6) + 64, at: shifted.count - 6, in: &shifted)
    #expect(try reason(shifted) == "zip: bytes before the first record")
  }

  /// The 64-bit directory end, which PyTorch writes always, must say what the old one says.
  @Test func sixtyFourBitDirectory() throws {
    let good = try small()
    let end = good.count - 22
    let fields = ByteFields(good)
    func with64(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
      let count = littleEndianBytes(UInt64(fields.u16(end + 10)))
      var record: [UInt8] = [0x50, 0x4B, 6, 6] + littleEndianBytes(UInt64(44)) + [45, 0, 45, 0]
      record += [UInt8](repeating: 0, count: 8) + count + count
      record +=
        littleEndianBytes(UInt64(fields.u32(end + 12))) + littleEndianBytes(UInt64(fields.u32(end + 16)))
      let locator = [0x50, 0x4B, 6, 7, 0, 0, 0, 0] + littleEndianBytes(UInt64(end)) + [1, 0, 0, 0]
      var both = record + locator
      change(&both)
      return Array(good[..<end]) + both + Array(good[end...])
    }
    #expect(try reason(with64 { _ in }) == nil)
    for field in [4, 24, 32, 40, 48] {
      #expect(
        try reason(with64 { $0[field] ^= 1 }) == "zip: has a damaged 64-bit directory", "field \(field)")
      #expect(try reason(with64 { $0[field + 7] ^= 0x80 }) == "zip: has a damaged 64-bit directory")
    }
    #expect(try reason(with64 { $0[0] = 0 }) == "zip: has a damaged 64-bit directory")
    #expect(try reason(with64 { $0[56 + 8] &-= 1 }) == "zip: has a damaged 64-bit directory")
    #expect(try reason(with64 { $0[56 + 15] ^= 0x80 }) == "zip: lacks its 64-bit directory")
    var lacking = good
    put(UInt16.max, at: end + 8, in: &lacking)
    put(UInt16.max, at: end + 10, in: &lacking)
    #expect(try reason(lacking) == "zip: lacks its 64-bit directory")
  }

  @Test func moreThan65535Records() throws {
    let more = (1...70_000).map { ("a/data/\($0)", [UInt8]()) }
    let bytes = try archive([("a/data.pkl", Self.pickle), ("a/data/0", Self.storage.bytes)] + more)
    #expect(try reason(bytes) == nil)
  }

  /// The archive with the storage's record holding the deflated `raw`, said to be `size` bytes long.
  func deflated(_ raw: [UInt8], size: Int, crc: UInt32 = 0) throws -> [UInt8] {
    var stream = [UInt8](repeating: 0, count: raw.count * 2 + 1024)
    stream.removeLast(stream.count - ck_deflate(raw, raw.count, &stream))
    var bytes = try small(stream)
    let entry = entries(bytes)[1]
    put(UInt16(8), at: entry + 10, in: &bytes)
    put(crc, at: entry + 16, in: &bytes)
    put(UInt32(size), at: entry + 24, in: &bytes)
    put(UInt16(8), at: Int(ByteFields(bytes).u32(entry + 42)) + 8, in: &bytes)
    return bytes
  }

  @Test func deflatedRecords() throws {
    let raw = Self.storage.bytes
    let damaged = "record of storage \"0\" is damaged"
    #expect(try reason(deflated(raw, size: 16)) == nil)
    #expect(try reason(deflated(raw, size: 16, crc: raw.withUnsafeBytes { crc32($0) })) == nil)
    #expect(try reason(deflated(raw, size: 16, crc: 1)) == damaged)
    #expect(try reason(deflated(raw + [0], size: 16)) == damaged)
    #expect(try reason(deflated(Array(raw.dropLast()), size: 16)) == damaged)
    #expect(
      try reason(deflated(raw, size: 17)) == "tensor \"w\" has a storage that is missing or of another size")
    try forEachBitFlip(deflated(raw, size: 16)) { path, _ in _ = try? readAll(path) }
  }

  /// Not even deflate makes so much of so little.
  @Test func deflateBomb() throws {
    let bytes = try deflated(Self.storage.bytes, size: 1 << 30)
    let stored = ByteFields(bytes).u32(entries(bytes)[1] + 20)
    #expect(try reason(bytes) == "zip: record \"a/data/0\" claims 1073741824 bytes from \(stored)")
  }

  /// Readers that follow the local headers must see what those of the directory see.
  @Test func localHeadersAgreeWithTheDirectory() throws {
    let good = try small()
    let local = Int(ByteFields(good).u32(entries(good)[1] + 42))
    func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
      var bytes = good
      // With checksum and sizes in the local header, as most writers have them.
      put(ByteFields(good).u16(local + 6) & ~ZipFlags.sizesFollow, at: local + 6, in: &bytes)
      put(Self.storage.bytes.withUnsafeBytes { crc32($0) }, at: local + 14, in: &bytes)
      put(UInt32(16), at: local + 18, in: &bytes)
      put(UInt32(16), at: local + 22, in: &bytes)
      change(&bytes)
      return bytes
    }
    func contradiction(_ what: String) -> String {
      "zip: local header of record \"a/data/0\" contradicts the directory in its \(what)"
    }
    #expect(try reason(changed { _ in }) == nil)
    #expect(try reason(changed { $0[local + 14] ^= 1 }) == contradiction("checksum"))
    #expect(try reason(changed { $0[local + 18] ^= 1 }) == contradiction("sizes"))
    #expect(try reason(changed { $0[local + 22] ^= 1 }) == contradiction("sizes"))
    #expect(try reason(changed { $0[local + 8] = 8 }) == contradiction("compression"))
    #expect(try reason(changed { $0[local + 30] ^= 1 }) == contradiction("name"))
    for bit in [0x0001, 0x0040, 0x2000] as [UInt16] {
      let flags = ByteFields(good).u16(local + 6)
      #expect(try reason(changed { put(flags | bit, at: local + 6, in: &$0) }) == contradiction("encryption"))
    }
    // As PyTorch writes them, they follow the data and are not looked at.
    var streamed = good
    put(UInt32(7), at: local + 14, in: &streamed)
    #expect(try reason(streamed) == nil)
  }

  /// Writers that do not know a size beforehand leave room for 64 bits: the sizes of such a header must agree, too.
  @Test func localHeadersOf64BitSizes() throws {
    // The writer's padding is the room, which depends on what lies before.
    var (good, local): ([UInt8], Int) = ([], 0)
    for size in 0..<64 where good.isEmpty || ByteFields(good).u16(local + 28) < 24 {
      good = try archive([
        ("a/data.pkl", Self.pickle), ("a/more", [UInt8](repeating: 0, count: size)),
        ("a/data/0", Self.storage.bytes),
      ])
      local = Int(ByteFields(good).u32(entries(good)[2] + 42))
    }
    try #require(ByteFields(good).u16(local + 28) >= 24)
    let extra = local + 30 + "a/data/0".utf8.count
    func changed(
      size: UInt64 = 16, stored: UInt64 = 16, length: UInt16 = 16,
      _ change: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
      var bytes = good
      put(ByteFields(good).u16(local + 6) & ~ZipFlags.sizesFollow, at: local + 6, in: &bytes)
      put(Self.storage.bytes.withUnsafeBytes { crc32($0) }, at: local + 14, in: &bytes)
      for field in [18, 22] { put(UInt32.max, at: local + field, in: &bytes) }
      let rest = ByteFields(good).u16(local + 28) - 24
      bytes.replaceSubrange(extra..<extra + 4, with: [1, 0] + littleEndianBytes(length))
      put(size, at: extra + 4, in: &bytes)
      put(stored, at: extra + 12, in: &bytes)
      bytes.replaceSubrange(extra + 20..<extra + 24, with: Array("FB".utf8) + littleEndianBytes(rest))
      change(&bytes)
      return bytes
    }
    let contradiction = "zip: local header of record \"a/data/0\" contradicts the directory in its sizes"
    let impossible = "zip: record \"a/data/0\" has impossible sizes"
    #expect(try reason(changed()) == nil)
    for wrong: UInt64 in [0, 15, 17, 1 << 32 + 16, .max] {
      #expect(try reason(changed(size: wrong)) == contradiction, "\(wrong)")
      #expect(try reason(changed(stored: wrong)) == contradiction, "\(wrong)")
    }
    // The extra field too short for both, or with another one's number, or reaching beyond the header.
    #expect(try reason(changed(length: 8)) == impossible)
    #expect(try reason(changed { $0[extra] = 2 }) == impossible)
    #expect(try reason(changed(length: .max)) == impossible)
    // One size only needs 64 bits.
    #expect(try reason(changed(length: 8) { put(UInt32(16), at: local + 18, in: &$0) }) == nil)
    #expect(
      try reason(changed(size: 17, length: 8) { put(UInt32(16), at: local + 18, in: &$0) }) == contradiction)
  }

  /// Zeros compress a thousandfold; a tensor may be as large as its storage, deflated or not.
  @Test func recordsThatExpandByMoreThan16MiB() throws {
    let count: Int32 = 8 << 20
    let zeros = [UInt8](repeating: 0, count: 4 * Int(count))
    let pickle = Pickle.file(Pickle.dictionary([("w", Pickle.tensor(numel: count, shape: [count]))]))
    var stream = [UInt8](repeating: 0, count: 1 << 20)
    var length = UInt(stream.count)
    try #require(compress2(&stream, &length, zeros, UInt(zeros.count), 1) == Z_OK)
    // zlib's header and checksum stand around the bare stream.
    var bytes = try archive([("a/data.pkl", pickle), ("a/data/0", Array(stream[2..<Int(length) - 4]))])
    let entry = entries(bytes)[1]
    put(UInt16(8), at: entry + 10, in: &bytes)
    put(zeros.withUnsafeBytes { crc32($0) }, at: entry + 16, in: &bytes)
    put(UInt32(zeros.count), at: entry + 24, in: &bytes)
    put(UInt16(8), at: Int(ByteFields(bytes).u32(entry + 42)) + 8, in: &bytes)
    let values = try readAll(try folder.write(bytes, to: "zeros"))
    #expect(values["w"]?.bytes == zeros)
  }
}
