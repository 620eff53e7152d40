import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Builds pickles by hand.
struct Pickle {
  var bytes: [UInt8] = [0x80, 2]

  static func text(_ value: String) -> [UInt8] {
    [0x58] + littleEndianBytes(UInt32(value.utf8.count)) + Array(value.utf8)
  }
  static func integer(_ value: Int32) -> [UInt8] { [0x4A] + littleEndianBytes(value) }
  static func tuple(_ values: [Int32]) -> [UInt8] { [0x28] + values.flatMap(integer) + [0x74] }

  /// `_rebuild_tensor_v2` on an F32 storage.
  static func tensor(
    key: String = "0", numel: Int32 = 4, offset: Int32 = 0, shape: [Int32] = [4], strides: [Int32] = [1],
    storage: String = "torch\nFloatStorage", extra: [UInt8] = []
  ) -> [UInt8] {
    Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + text("storage") + Array("c\(storage)\n".utf8)
      + text(key)
      + text("cpu") + integer(numel) + Array("tQ".utf8) + integer(offset) + tuple(shape) + tuple(strides)
      + [0x89, 0x4E] + extra + Array("tR".utf8)
  }

  static func dictionary(_ members: [(String, [UInt8])]) -> [UInt8] {
    [0x7D, 0x28] + members.flatMap { text($0.0) + $0.1 } + [0x75]
  }

  static func file(_ body: [UInt8]) -> [UInt8] { [0x80, 2] + body + [0x2E] }
}

@Suite struct TorchTests {
  static let storage = TensorValue(f32: [1, 2, 3, 4], shape: [4])

  /// A zip archive of these records.
  func archive(_ records: [(String, [UInt8])], in folder: TemporaryFolder) throws -> [UInt8] {
    let output = try OutputFile(.path(folder.file("archive.pt")))
    var zip = ZipWriter(output)
    for (name, data) in records { try zip.add(name, data) }
    try zip.finish()
    try output.commit()
    return try folder.read("archive.pt")
  }

  func file(_ body: [UInt8], in folder: TemporaryFolder, more: [(String, [UInt8])] = []) throws -> [UInt8] {
    try archive([("a/data.pkl", Pickle.file(body)), ("a/data/0", Self.storage.bytes)] + more, in: folder)
  }

  /// The tensors of a file whose pickle is `body`.
  func load(_ body: [UInt8], key: String? = nil, more: [(String, [UInt8])] = []) throws -> [TensorName:
    TensorValue]
  {
    let folder = try TemporaryFolder()
    var options = OpenOptions()
    options.key = key
    let source = try openCheckpoint(
      .path(try folder.write(try file(body, in: folder, more: more), to: "x")), options: options)
    return Dictionary(uniqueKeysWithValues: try source.tensors.map { ($0.name, try source.value($0.name)) })
  }

  func reason(_ body: [UInt8], key: String? = nil, more: [(String, [UInt8])] = []) -> String? {
    do {
      _ = try load(body, key: key, more: more)
      return nil
    } catch CheckpointError.malformed(_, let reason) {
      return reason
    } catch CheckpointError.noStateDict(_, let reason) {
      return reason
    } catch CheckpointError.ambiguousStateDict(_, let keys) {
      return "several: \(keys.joined(separator: ", "))"
    } catch { return "\(error)" }
  }

  func reason(ofTensor tensor: [UInt8], more: [(String, [UInt8])] = []) -> String? {
    reason(Pickle.dictionary([("w", tensor)]), more: more)
  }

  @Test func viewsOfAStorage() throws {
    let values = try load(
      Pickle.dictionary([
        ("whole", Pickle.tensor()), ("transposed", Pickle.tensor(shape: [2, 2], strides: [1, 2])),
        ("part", Pickle.tensor(offset: 1, shape: [2], strides: [2])),
        ("expanded", Pickle.tensor(offset: 3, shape: [2, 3], strides: [0, 0])),
        ("scalar", Pickle.tensor(offset: 2, shape: [], strides: [])),
        ("empty", Pickle.tensor(offset: 4, shape: [0, 9], strides: [9, 1])),
        ("oddStride", Pickle.tensor(shape: [4, 1], strides: [1, 77])),
      ]))
    #expect(try values["whole"]?.floats() == [1, 2, 3, 4])
    #expect(try values["transposed"]?.floats() == [1, 3, 2, 4])
    #expect(try values["part"]?.floats() == [2, 4])
    #expect(try values["expanded"]?.floats() == [4, 4, 4, 4, 4, 4])
    #expect(try values["scalar"]?.floats() == [3])
    #expect(values["empty"]?.shape == [0, 9])
    #expect(try values["oddStride"]?.floats() == [1, 2, 3, 4])
  }

  @Test func readingAmidAView() throws {
    let folder = try TemporaryFolder()
    let body = Pickle.dictionary([("t", Pickle.tensor(shape: [2, 2], strides: [1, 2]))])
    let source = try openCheckpoint(.path(try folder.write(try file(body, in: folder), to: "x")))
    let whole = try source.value("t").bytes
    for start in 0..<16 {
      for end in start...16 {
        var bytes = [UInt8](repeating: 0xEE, count: end - start)
        try bytes.withUnsafeMutableBytes { try source.read("t", at: start, into: $0) }
        #expect(bytes == Array(whole[start..<end]))
      }
    }
  }

  /// Whatever a pickle names is data: nothing is looked up and nothing is called.
  @Test(arguments: [
    "cos\nsystem\n(X\u{5}\u{0}\u{0}\u{0}touchtR", "c__builtin__\neval\n)R", "cargparse\nNamespace\n)\u{81}}b",
    "cnumpy.core.multiarray\nscalar\n)R", "cpathlib\nPosixPath\n)R", "ccollections\ndefaultdict\n)R",
    "cbuiltins\nrange\n)R",
  ])
  func foreignObjectsAreInert(_ object: String) throws {
    let foreign = object.unicodeScalars.map { UInt8($0.value) }
    let values = try load(Pickle.dictionary([("args", foreign), ("w", Pickle.tensor())]))
    #expect(values == ["w": Self.storage])
  }

  @Test func whichStateDict() throws {
    func dict(_ name: String) -> [UInt8] { Pickle.dictionary([(name, Pickle.tensor())]) }
    func names(_ members: [(String, [UInt8])], key: String? = nil) throws -> [TensorName] {
      try load(Pickle.dictionary(members), key: key).keys.sorted()
    }
    #expect(try names([("model", dict("m")), ("state_dict", dict("s")), ("model_ema", dict("e"))]) == ["e"])
    #expect(try names([("w", Pickle.tensor()), ("optimizer", dict("o"))]) == ["w"])
    #expect(try names([("net", dict("n")), ("epoch", Pickle.integer(3))]) == ["n"])
    #expect(
      try names([("a", dict("x")), ("b", Pickle.dictionary([("c/d", dict("y"))]))], key: "b/c/d") == ["y"])
    #expect(
      reason(Pickle.dictionary([("a", dict("x")), ("b", dict("y"))]))
        == "several: a, b")
    #expect(reason(Pickle.dictionary([("a", Pickle.integer(1))])) == "no state dict; there are: a")
    #expect(reason(Pickle.dictionary([("a", dict("x"))]), key: "b") == "no key \"b\"; there are: a")
    #expect(
      reason(Pickle.dictionary([("a", Pickle.dictionary([("x", Pickle.integer(1))]))]), key: "a")
        == "\"a\" is no state dict; there are: x")
  }

  @Test func removesWrapperPrefixesThatAllNamesShare() throws {
    func names(_ names: [String]) throws -> [TensorName] {
      try load(Pickle.dictionary(names.map { ($0, Pickle.tensor()) })).keys.sorted()
    }
    #expect(try names(["module.a", "module.b"]) == ["a", "b"])
    #expect(try names(["module._orig_mod.module.a"]) == ["a"])
    #expect(try names(["module.a", "b"]) == ["b", "module.a"])
    #expect(try names(["_orig_mod.a"]) == ["a"])
  }

  @Test func tensorsThatLie() {
    let beyond = "tensor \"w\" reaches beyond its storage"
    let impossible = "tensor \"w\" has an impossible size, stride or offset"
    #expect(reason(ofTensor: Pickle.tensor(shape: [5])) == beyond)
    #expect(reason(ofTensor: Pickle.tensor(offset: 1)) == beyond)
    #expect(reason(ofTensor: Pickle.tensor(shape: [2], strides: [4])) == beyond)
    #expect(reason(ofTensor: Pickle.tensor(shape: [2, 2], strides: [.max, .max])) == beyond)
    #expect(reason(ofTensor: Pickle.tensor(offset: -1, shape: [1])) == impossible)
    #expect(reason(ofTensor: Pickle.tensor(shape: [-4])) == impossible)
    #expect(reason(ofTensor: Pickle.tensor(strides: [-1])) == impossible)
    #expect(
      reason(ofTensor: Pickle.tensor(shape: [.max, .max, .max], strides: [0, 0, 0])) == impossible)
    #expect(
      reason(ofTensor: Pickle.tensor(shape: [.max, 64], strides: [0, 0]))?.contains("repeats its storage")
        == true)
    #expect(reason(ofTensor: Pickle.tensor(shape: [2, 2])) == "tensor \"w\" has strides of another rank")
    #expect(
      reason(ofTensor: Pickle.tensor(numel: 5))
        == "tensor \"w\" has a storage that is missing or of another size")
    #expect(
      reason(ofTensor: Pickle.tensor(key: "../byteorder"))
        == "tensor \"w\" has a storage that is missing or of another size")
    #expect(
      reason(ofTensor: Pickle.tensor(extra: Pickle.dictionary([("conj", [0x88])])))
        == "tensor \"w\" is a lazy conjugate or negation, which is not supported")
    #expect(
      reason(ofTensor: Pickle.tensor(storage: "torch\nQInt8Storage"))
        == "tensor \"w\" has the storage torch.QInt8Storage, which is not supported")
    #expect(
      reason(ofTensor: Array("ctorch._utils\n_rebuild_sparse_tensor\n)R".utf8))
        == "tensor \"w\" is sparse, quantised or of another kind that is not supported (_rebuild_sparse_tensor)"
    )
    #expect(
      reason(
        Pickle.dictionary([
          ("a", Pickle.tensor()), ("b", Pickle.tensor(storage: "torch\nIntStorage")),
        ])) == "tensor \"b\" shares its storage with another element type")
  }

  @Test(arguments: [
    ("h\u{7}.", "memo 7 was never stored"), (".", "the stack is empty"), ("t.", "no mark"),
    ("0.", "the stack is empty"),
    ("}", "ends early"), ("(}u.", "a key without a value"), ("}u.", "no mark"),
    ("}(Nu.", "a key without a value"),
    ("]NNs.", "storing an item into"),
    ("K\u{1}}b.", "setting the state of what has none"), ("}Na.", "appending to what is no list"),
    ("X\u{ff}\u{ff}\u{ff}\u{ff}", "length 4294967295 is beyond the end"), ("i", "operation 'i'"),
    ("c", "name without an end"),
    ("\u{8d}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}", "beyond the end"),
    ("\u{80}\u{9}", "protocol 9"),
    ("\u{8b}\u{ff}\u{ff}\u{ff}\u{ff}", "beyond the end"), ("((((.", "the stack is empty"),
    ("NN\u{93}", "a name that is no text"),
    ("U\u{1}\u{ff}X\u{1}\u{0}\u{0}\u{0}\u{ff}.", "text is not UTF-8"),
  ])
  func malformedPickles(_ text: String, _ expected: String) {
    var interpreter = PickleInterpreter(text.unicodeScalars.map { UInt8($0.value) })
    do throws(PickleError) {
      _ = try interpreter.run()
      Issue.record("accepted")
    } catch {
      #expect(error.reason.contains(expected), "\(error.reason)")
    }
  }

  /// What PyTorch's own reader meets with an exception, or with a raw crash.
  @Test func itemsOfATensor() {
    #expect(
      reason(ofTensor: Pickle.tensor() + [0x4E, 0x61])?.hasSuffix("appending to what is no list") == true)
    #expect(
      reason(ofTensor: Pickle.tensor() + [0x4E, 0x4E, 0x73])?
        .hasSuffix("storing an item into what is no dictionary") == true)
  }

  /// 2^62 elements, as size, stride and offset.
  @Test func enormousNumbers() {
    let huge: [UInt8] = [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x40]
    func tensor(offset: [UInt8], shape: [UInt8], stride: [UInt8]) -> [UInt8] {
      Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + Pickle.text("storage")
        + Array("ctorch\nFloatStorage\n".utf8) + Pickle.text("0") + Pickle.text("cpu") + Pickle.integer(4)
        + Array("tQ".utf8) + offset + shape + [0x85] + stride + [0x85, 0x89, 0x4E] + Array("tR".utf8)
    }
    let (zero, one, two) = (Pickle.integer(0), Pickle.integer(1), Pickle.integer(2))
    let beyond = "tensor \"w\" reaches beyond its storage"
    #expect(
      reason(ofTensor: tensor(offset: zero, shape: huge, stride: zero))
        == "tensor \"w\" has an impossible size, stride or offset")
    #expect(reason(ofTensor: tensor(offset: zero, shape: two, stride: huge)) == beyond)
    #expect(reason(ofTensor: tensor(offset: huge, shape: one, stride: one)) == beyond)
    #expect(reason(ofTensor: tensor(offset: huge, shape: two, stride: huge)) == beyond)
  }

  @Test func somethingBehindThePickle() {
    let reason = reason(Pickle.dictionary([("w", Pickle.tensor())]) + [0x2E, 0x4E])
    #expect(reason?.hasSuffix("something follows the object") == true)
  }

  /// Deep, cyclic and exponentially shared structures cost what they take in the file.
  @Test func hostileGraphs() throws {
    let tensor = Pickle.dictionary([("w", Pickle.tensor())])
    func beside(_ object: [UInt8]) throws -> [TensorName: TensorValue] {
      try load(Pickle.dictionary([("junk", object), ("state_dict", tensor)]))
    }
    #expect(try beside([0x29] + [UInt8](repeating: 0x85, count: 1_000_000)) == ["w": Self.storage])
    // A dictionary that holds itself, and a tuple doubled sixty times.
    #expect(try beside([0x7D, 0x71, 9] + Pickle.text("self") + [0x68, 9, 0x73]) == ["w": Self.storage])
    #expect(
      try beside([0x29] + (0..<60).flatMap { _ in [0x32, 0x86] as [UInt8] }) == ["w": Self.storage])
    let cyclicModule =
      Array("cm\nModule\n)\u{81}".unicodeScalars.map { UInt8($0.value) }) + [0x71, 8]
      + Pickle.dictionary([("_modules", Pickle.dictionary([("a", [0x68, 8]), ("b", [0x68, 8])]))]) + [0x62]
    #expect(reason(Pickle.dictionary([("model", cyclicModule)])) == "no state dict; there are: model")
  }

  @Test func byteOrder() throws {
    let dictionary = Pickle.dictionary([("w", Pickle.tensor())])
    #expect(try load(dictionary, more: [("a/byteorder", Array("little".utf8))]) == ["w": Self.storage])
    #expect(
      reason(dictionary, more: [("a/byteorder", Array("big".utf8))])
        == "zip: byte order is \"big\", not little")
    #expect(
      reason(dictionary, more: [("a/byteorder", Array("middle".utf8))])
        == "zip: byte order is \"middle\", not little")
    // Files from before PyTorch wrote the record are little-endian.
    #expect(try load(dictionary) == ["w": Self.storage])
  }

  @Test func zipsThatAreNot() throws {
    let folder = try TemporaryFolder()
    let good = try file(Pickle.dictionary([("w", Pickle.tensor())]), in: folder)
    func reason(_ change: (inout [UInt8]) -> Void) throws -> String? {
      var bytes = good
      change(&bytes)
      do {
        _ = try readAll(try folder.write(bytes, to: "x"))
        return nil
      } catch CheckpointError.malformed(_, let reason) { return reason } catch { return "\(error)" }
    }
    let directory = try #require(
      good.indices.last { good[$0...].starts(with: [0x50, 0x4B, 1, 2, 45, 0, 20]) })
    let end = good.count - 22
    #expect(try reason { _ in } == nil)
    // What follows is skipped as far as a comment could reach, as PyTorch does.
    #expect(try reason { $0.append(0) } == nil)
    #expect(try reason { $0 += [UInt8](repeating: 1, count: 65_535) } == nil)
    #expect(
      try reason { $0 += [UInt8](repeating: 1, count: 65_536) } == "zip: truncated: no directory at the end")
    #expect(try reason { $0.removeLast() } == "zip: truncated: no directory at the end")
    #expect(try reason { $0[end + 16] ^= 1 } == "zip: the directory does not lie where it should")
    #expect(try reason { $0[end + 12] ^= 1 } == "zip: the directory does not lie where it should")
    #expect(try reason { $0[end + 10] ^= 1 } == "zip: is split over several files")
    #expect(try reason { $0[directory + 8] |= 1 } == "zip: record \"a/data/0\" is encrypted")
    #expect(try reason { $0[directory + 10] = 12 } == "zip: record \"a/data/0\" uses compression method 12")
    #expect(try reason { $0[directory + 42] += 4 } == "zip: record \"a/data/0\" has no local header")
    #expect(try reason { $0[directory + 20] ^= 1 } == "zip: record \"a/data/0\" has impossible sizes")
    #expect(
      try reason { $0[directory + 46] = UInt8(ascii: "b") }
        == "zip: local header of record \"b/data/0\" contradicts the directory in its name")
    #expect(
      try reason { $0[directory + 24..<directory + 28] = [0xFF, 0xFF, 0xFF, 0xFF] }
        == "zip: record \"a/data/0\" has impossible sizes")
    #expect(
      try reason { $0.insert(contentsOf: [1, 2, 3], at: 0) } != nil)
  }

  @Test func repeatedRecords() throws {
    let folder = try TemporaryFolder()
    let pickle = Pickle.file(Pickle.dictionary([("w", Pickle.tensor())]))
    let bytes = try archive(
      [("a/data.pkl", pickle), ("a/data/0", Self.storage.bytes), ("a/data/0", Self.storage.bytes)], in: folder
    )
    let path = try folder.write(bytes, to: "x")
    #expect(throws: CheckpointError.malformed(path: path, reason: "zip: record \"a/data/0\" appears twice")) {
      try openCheckpoint(.path(path))
    }
  }

  /// PyTorch does not look at the checksums; zero means that the writer left it out.
  @Test func payloadChecksums() throws {
    let folder = try TemporaryFolder()
    let body = Pickle.dictionary([("w", Pickle.tensor())])
    var bytes = try file(body, in: folder)
    let payload = try #require(bytes.indices.first { bytes[$0...].starts(with: Self.storage.bytes) })
    bytes[payload + 3] ^= 1
    let path = try folder.write(bytes, to: "x")
    #expect(
      throws: CheckpointError.malformed(path: path, reason: "checksum of storage \"0\" does not match")
    ) { try readAll(path) }
    let directory = try #require(
      bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2, 45, 0, 20]) })
    bytes.replaceSubrange(directory + 16..<directory + 20, with: [0, 0, 0, 0])
    _ = try readAll(try folder.write(bytes, to: "x"))
  }

  @Test func flipsAndTruncations() throws {
    let folder = try TemporaryFolder()
    let bytes = try file(Pickle.dictionary([("w", Pickle.tensor())]), in: folder)
    try forEachBitFlip(bytes) { path, _ in
      guard let values = try? readAll(path) else { return }
      for value in values.values { #expect(value.bytes.count <= bytes.count + 1 << 24) }
    }
    var read: [Int] = []
    try forEachTruncation(bytes) { path, length in if (try? readAll(path)) != nil { read.append(length) } }
    #expect(read == [])
  }

  /// The legacy format: pickles in a row, then the storages.
  func legacy(count: Int64 = 4, keys: [String] = ["0"], little: UInt8 = 0x88, data: [UInt8] = storage.bytes)
    -> [UInt8]
  {
    Pickle.file([0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19])
      + Pickle.file([0x4D, 0xE9, 3])
      + Pickle.file(Pickle.dictionary([("little_endian", [little])]))
      + Pickle.file(Pickle.dictionary([("w", Pickle.tensor())]))
      + Pickle.file([0x5D, 0x28] + keys.flatMap(Pickle.text) + [0x65]) + littleEndianBytes(count) + data
  }

  @Test func legacyFiles() throws {
    let folder = try TemporaryFolder()
    func reason(_ bytes: [UInt8]) throws -> String? {
      do {
        _ = try readAll(try folder.write(bytes, to: "x"))
        return nil
      } catch CheckpointError.malformed(_, let reason) { return reason } catch { return "\(error)" }
    }
    #expect(try readAll(try folder.write(legacy(), to: "x")) == ["w": Self.storage])
    #expect(try reason(legacy(little: 0x89))?.hasSuffix("written on a big-endian machine") == true)
    #expect(try reason(legacy(count: -1))?.hasSuffix("storage \"0\" reaches beyond the end") == true)
    #expect(try reason(legacy(count: 5))?.hasSuffix("storage \"0\" reaches beyond the end") == true)
    #expect(try reason(legacy(count: 3))?.hasSuffix("something follows the storages") == true)
    #expect(
      try reason(legacy(count: 3, data: Array(Self.storage.bytes.dropLast(4))))
        == "tensor \"w\" has a storage that is missing or of another size")
    #expect(try reason(legacy(keys: ["1"]))?.hasSuffix("a storage that no tensor uses, or twice") == true)
    #expect(try reason(Pickle.file([0x4E]))?.hasSuffix("not one of torch.save") == true)
    var read: [Int] = []
    try forEachTruncation(legacy()) { path, length in if (try? readAll(path)) != nil { read.append(length) } }
    #expect(read == [])
    try forEachBitFlip(legacy()) { path, _ in _ = try? readAll(path) }
  }

  @Test(arguments: DType.allCases) func writingPyTorchFiles(_ dtype: DType) throws {
    let folder = try TemporaryFolder()
    let values: [TensorName: TensorValue] = [
      "w": try ContainerTests.tensor(dtype, [3, 8]), "empty": try ContainerTests.tensor(dtype, [0, 8]),
      "scalar": try ContainerTests.tensor(dtype, dtype.bitWidth < 8 ? [8] : []),
    ]
    var options = WriteOptions()
    options.format = .pytorch
    if dtype.bitWidth < 8 {
      #expect(throws: CheckpointError.self) {
        try ContainerTests.write(values, to: folder.file("x.pt"), options: options)
      }
      return
    }
    try ContainerTests.write(values, to: folder.file("x.pt"), options: options)
    #expect(try readAll(folder.file("x.pt")) == values)
  }
}
