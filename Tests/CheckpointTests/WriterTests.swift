import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct WriterTests {
  static let values: [TensorName: TensorValue] = [
    "b": TensorValue(f32: [0, 1, 2, 3, 4, 5], shape: [2, 3]),
    "a": TensorValue(f32: [1, 2], shape: [2]),
    "n": TensorValue(i64: [7], shape: []),
    "flag": TensorValue(dtype: .bool, shape: [2], bytes: [1, 0]),
    "z\"\n\u{e9}\u{7f}/": TensorValue(dtype: .f16, shape: [0, 4], bytes: []),
    "u": TensorValue(dtype: .u8, shape: [3], bytes: [1, 2, 3]),
  ]
  static let specs = values.map { TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }

  /// The file that safetensors 0.8.0 (Python, NumPy) writes for `values` with the metadata `{"k": "v\u0001"}`.
  static let reference =
    safetensors(
      #"{"__metadata__":{"k":"v\u0001"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},"z\"\n"#
        + "\u{e9}\u{7f}"
        + #"/":{"dtype":"F16","shape":[0,4],"data_offsets":[40,40]},"u":{"dtype":"U8","shape":[3],"data_offsets":[40,43]},"flag":{"dtype":"BOOL","shape":[2],"data_offsets":[43,45]}}   "#,
      data: [7, 0, 0, 0, 0, 0, 0, 0] + TensorValue(f32: [1, 2, 0, 1, 2, 3, 4, 5], shape: [8]).bytes + [
        1, 2, 3, 1, 0,
      ])

  func write(_ path: String, metadata: Metadata = Metadata(["k": "v\u{1}"])) throws {
    let writer = try CheckpointWriter(to: .path(path), tensors: Self.specs, metadata: metadata)
    for spec in writer.order { try writer.write(Self.values[spec.name]!) }
    try writer.finish()
  }

  @Test func bytesOfTheReferenceWriter() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("x"))
    #expect(try folder.read("x") == Self.reference)
    #expect(try folder.listing() == ["x"])
  }

  @Test func dtypeOrderIsTheReferences() {
    let names =
      "U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 F6_E3M2 F6_E2M3 F4 BOOL"
    #expect(DType.allCases.reversed().map(\.name).joined(separator: " ") == names)
    for dtype in DType.allCases { #expect(DType(name: dtype.name) == dtype) }
  }

  @Test func metadataIsSortedByBytes() throws {
    let folder = try TemporaryFolder()
    let metadata = Metadata(["b": "1", "\u{e9}": "2", "a": "3", "B": "4"])
    try write(folder.file("x"), metadata: metadata)
    let text = String(decoding: try folder.read("x")[8..<80], as: UTF8.self)
    #expect(text.hasPrefix("{\"__metadata__\":{\"B\":\"4\",\"a\":\"3\",\"b\":\"1\",\"\u{e9}\":\"2\"},"))
    #expect(try openCheckpoint(.path(folder.file("x"))).metadata == metadata)
  }

  @Test func chunksMayEndAnywhere() throws {
    let folder = try TemporaryFolder()
    let writer = try CheckpointWriter(
      to: .path(folder.file("x")), tensors: Self.specs, metadata: Metadata(["k": "v\u{1}"]))
    let data = Array(Self.reference.suffix(45))
    for start in stride(from: 0, to: data.count, by: 7) {
      try data[start..<min(start + 7, data.count)].withUnsafeBytes { try writer.write($0) }
    }
    try writer.finish()
    #expect(try folder.read("x") == Self.reference)
  }

  @Test func missingDataIsNoFile() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], to: "x")
    do {
      let writer = try CheckpointWriter(
        to: .path(folder.file("x")), tensors: Self.specs, metadata: Metadata())
      try writer.write(Self.values["n"]!)
      #expect(try folder.read("x") == [1, 2, 3])
      #expect(
        throws: CheckpointError.invalidRequest(
          path: folder.file("x"), reason: "only 8 of 45 bytes of data were written")
      ) { try writer.finish() }
    }
    #expect(try folder.listing() == ["x"])
    #expect(try folder.read("x") == [1, 2, 3])
  }

  @Test func wrongTensorIsRefused() throws {
    let folder = try TemporaryFolder()
    let writer = try CheckpointWriter(to: .path(folder.file("x")), tensors: Self.specs, metadata: Metadata())
    #expect(
      throws: CheckpointError.mismatch(path: folder.file("x"), "n", expected: "I64 []", found: "F32 [2]")
    ) { try writer.write(Self.values["a"]!) }
    writer.abort()
    #expect(try folder.listing() == [])
  }

  @Test func whatSafetensorsCannotExpress() throws {
    let folder = try TemporaryFolder()
    for tensors in [
      [spec("a", .u8, [1]), spec("a", .u8, [1])], [spec("__metadata__", .u8, [1])], [spec("a", .f4, [3])],
      [spec("a", .u8, [Int.max, 2])], [spec("a", .u8, [-1])],
      [spec("a", .u8, [.max / 4]), spec("b", .u8, [.max / 2])],
    ] {
      let error = #expect(throws: CheckpointError.self) {
        try CheckpointWriter(to: .path(folder.file("x")), tensors: tensors, metadata: Metadata())
      }
      #expect(error?.kind == .usage)
    }
    #expect(try folder.listing() == [])
  }

  @Test func headerIsPatched() throws {
    let folder = try TemporaryFolder()
    let writer = try CheckpointWriter(
      to: .path(folder.file("x")), tensors: Self.specs, metadata: Metadata(["digest": "????????"]))
    #expect(writer.canPatchHeader)
    for spec in writer.order { try writer.write(Self.values[spec.name]!) }
    #expect(throws: CheckpointError.self) {
      try writer.finish(metadata: Metadata(["digest": "too long for it"]))
    }
    try writer.finish(metadata: Metadata(["digest": "0badcafe"]))
    let source = try openCheckpoint(.path(folder.file("x")))
    #expect(source.metadata["digest"] == "0badcafe")
    #expect(try source.value("b") == Self.values["b"])
  }

  @Test func permissionsOfTheTargetStay() throws {
    let folder = try TemporaryFolder()
    for mode in [0o640, 0o600, 0o755] as [mode_t] {
      try folder.write([], to: "x")
      chmod(folder.file("x"), mode)
      try write(folder.file("x"))
      var status = stat()
      stat(folder.file("x"), &status)
      #expect(status.st_mode & 0o7777 == mode)
    }
  }

  @Test func linksAreFollowed() throws {
    let folder = try TemporaryFolder()
    mkdir(folder.file("d"), 0o700)
    symlink("d/real", folder.file("relative"))
    symlink(folder.file("relative"), folder.file("chain"))
    try write(folder.file("chain"))  // dangles at first
    #expect(try folder.read("d/real") == Self.reference)
    try write(folder.file("relative"))
    #expect(try folder.listing() == ["chain", "d", "relative"])
    var status = stat()
    lstat(folder.file("chain"), &status)
    #expect(status.st_mode & S_IFMT == S_IFLNK)
    symlink("loop", folder.file("loop"))
    #expect(
      throws: CheckpointError.cannotCreate(
        path: folder.file("loop"), reason: "Too many levels of symbolic links")
    ) { try write(folder.file("loop")) }
  }

  @Test func outputsThatCannotBe() throws {
    let folder = try TemporaryFolder()
    for (path, reason) in [
      (folder.path, "is a folder"), (folder.file("none/x"), "No such file or directory"),
      ("", "the name is empty"),
    ] {
      let expected = CheckpointError.cannotCreate(path: path, reason: reason)
      #expect(expected.kind == .cannotCreate)
      #expect(throws: expected) { try write(path) }
    }
  }

  /// Every kind of output, for what must hold for all.
  static let outputs: [(name: String, options: WriteOptions)] = {
    var compressed = WriteOptions()
    compressed.compress = true
    var pytorch = WriteOptions()
    pytorch.format = .pytorch
    var npz = WriteOptions()
    npz.format = .npz
    return [("plain", WriteOptions()), ("compressed", compressed), ("pytorch", pytorch), ("npz", npz)]
  }()

  /// The device stays a device; a full disk is an error.
  @Test(arguments: outputs) func devicesAreWrittenIntoAndStayDevices(_ name: String, _ options: WriteOptions)
    throws
  {
    func write(_ path: String) throws { try ContainerTests.write(Self.values, to: path, options: options) }
    try write("/dev/null")
    var status = stat()
    stat("/dev/null", &status)
    #expect(status.st_mode & S_IFMT == S_IFCHR)
    #expect(throws: CheckpointError.writeFailed(path: "/dev/full", code: ENOSPC)) { try write("/dev/full") }
  }

  /// A reader that goes away is an error, and the FIFO stays one.
  @Test(arguments: outputs) func closedPipe(_ name: String, _ options: WriteOptions) throws {
    // The signal is held back from this thread alone: processes that other tests start must not inherit that.
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, nil)
    defer {
      var now = timespec()
      sigtimedwait(&pipe, nil, &now)
      pthread_sigmask(SIG_UNBLOCK, &pipe, nil)
    }
    let folder = try TemporaryFolder()
    let path = folder.file("fifo")
    mkfifo(path, 0o600)
    let reader = Thread { close(open(path, O_RDONLY)) }
    reader.start()
    let large = ["w": try ContainerTests.tensor(.f32, [1 << 18])] as [TensorName: TensorValue]
    let error = CheckpointError.writeFailed(path: path, code: EPIPE)
    #expect(error.kind == .io)
    #expect(throws: error) { try ContainerTests.write(large, to: path, options: options) }
    #expect(try folder.listing() == ["fifo"])
  }

  @Test func numpyArrays() throws {
    let folder = try TemporaryFolder()
    var options = WriteOptions()
    options.format = .npz
    try ContainerTests.write(
      ["a/b": TensorValue(f32: [1, 2], shape: [2, 1]), "s": TensorValue(i64: [7], shape: [])],
      to: folder.file("x.npz"), options: options)
    let bytes = try folder.read("x.npz")
    func record(_ description: String, _ data: [UInt8]) -> [UInt8] {
      let padded = description + String(repeating: " ", count: 117 - description.utf8.count) + "\n"
      return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8) + data
    }
    let file = try InputFile.open(.path(folder.file("x.npz")), temporaryFolder: "/tmp")
    let archive = try ZipArchive(file)
    let expected: [TensorName: [UInt8]] = [
      "a/b.npy": record(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,1,), }", [0, 0, 128, 63, 0, 0, 0, 64]),
      "s.npy": record("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", [7, 0, 0, 0, 0, 0, 0, 0]),
    ]
    #expect(Set(archive.records.keys) == Set(expected.keys))
    for (name, data) in expected {
      let found = try #require(archive.records[name])
      #expect(Array(bytes[found.dataOffset..<found.dataOffset + found.size]) == data)
      #expect(found.crc == data.withUnsafeBytes { crc32($0) })
    }
    let path = folder.file("y.npz")
    for (value, error) in [
      (
        TensorValue(dtype: .bf16, shape: [1], bytes: [0, 0]),
        CheckpointError.unsupportedType(path: path, "w", .bf16, format: "a NumPy archive")
      ),
      (
        TensorValue(dtype: .f4, shape: [2], bytes: [0]),
        .unsupportedType(path: path, "w", .f4, format: "a NumPy archive")
      ),
      (
        TensorValue(dtype: .u8, shape: Array(repeating: 1, count: 33), bytes: [0]),
        .invalidRequest(path: path, reason: "tensor \"w\": NumPy arrays have at most 32 dimensions")
      ),
    ] {
      #expect(throws: error) { try ContainerTests.write(["w": value], to: path, options: options) }
    }
    #expect(try folder.listing() == ["x.npz"])
  }

  @Test func fifoReceivesTheWholeFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("fifo")
    mkfifo(path, 0o600)
    let received = Received()
    let done = DispatchSemaphore(value: 0)
    let reader = Thread {
      received.data = [UInt8](FileHandle(forReadingAtPath: path)?.readDataToEndOfFile() ?? Data())
      done.signal()
    }
    reader.start()
    try write(path)
    done.wait()
    #expect(received.data == Self.reference)
    #expect(try folder.listing() == ["fifo"])
  }

  @Test func longNames() throws {
    let folder = try TemporaryFolder()
    let name = String(repeating: "é", count: 125) + ".s"
    try write(folder.file(name))
    #expect(try folder.listing() == [name])
  }

  @Test func rewritingInPlace() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("x"))
    let source = try openCheckpoint(.path(folder.file("x")))
    try rewriteCheckpoint(
      source,
      replacing: ["a": TensorValue(f32: [5, 6], shape: [2]), "u": TensorValue(i64: [9], shape: [1])],
      metadata: Metadata(), to: .path(folder.file("x")))
    let result = try openCheckpoint(.path(folder.file("x")))
    #expect(result.tensors.map(\.name) == ["n", "u", "a", "b", "z\"\n\u{e9}\u{7f}/", "flag"])
    #expect(try result.value("a").floats() == [5, 6])
    #expect(try result.value("u").doubles() == [9])
    #expect(try result.value("b") == Self.values["b"])
    #expect(throws: CheckpointError.missingTensor(path: source.label, "none")) {
      try rewriteCheckpoint(
        source, replacing: ["none": TensorValue(i64: [], shape: [0])], metadata: Metadata(),
        to: .path(folder.file("y")))
    }
    #expect(try folder.listing() == ["x"])
  }

  /// What the handler of a fatal signal calls.
  @Test func pendingOutputs() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1], to: "pending")
    let slot = try #require(PendingOutputs.register(path))
    PendingOutputs.unregister(slot)
    #expect(try folder.listing() == ["pending"])
  }
}

private final class Received: @unchecked Sendable { var data: [UInt8] = [] }
