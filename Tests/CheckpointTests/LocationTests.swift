import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// What can stand where a file is expected.
@Suite struct LocationTests {
  let model = safetensors(#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: [3, 4])

  func error(_ path: String) -> CheckpointError? {
    do {
      _ = try openCheckpoint(.path(path))
      return nil
    } catch { return error as? CheckpointError }
  }

  @Test func dashIsTheStandardStream() {
    #expect(Location(argument: "-") == .standardStream)
    #expect(Location(argument: "a/-") == .path("a/-"))
    #expect(Location.standardStream.inputLabel == "<stdin>")
    #expect(Location.standardStream.outputLabel == "<stdout>")
  }

  @Test func missingFileIsNoInput() throws {
    let folder = try TemporaryFolder()
    let found = try #require(error(folder.file("none")))
    #expect(found == .cannotOpen(path: folder.file("none"), code: ENOENT))
    #expect(found.kind == .noInput)
    #expect("\(found)".hasSuffix("none: cannot open: No such file or directory"))
  }

  @Test func folderWithoutIndex() throws {
    let folder = try TemporaryFolder()
    let found = try #require(error(folder.path))
    #expect(found == .directoryWithoutIndex(path: folder.path))
    #expect(found.kind == .badData)
    #expect("\(found)".contains("without the index of a sharded set"))
  }

  /// Endless devices are recognised by their beginning and do not fill the disk.
  @Test func devicesAreReadAsFiles() throws {
    #expect(
      error("/dev/null") == .invalidHeader(path: "/dev/null", .headerTooSmall(fileBytes: 0)))
    #expect(
      error("/dev/zero") == .invalidHeader(path: "/dev/zero", .invalidJSON(offset: 8, reason: "ends early")))
    #expect(error("/dev/urandom")?.kind == .badData)
  }

  /// What people mistake for a checkpoint gets a message of its own.
  @Test func foreignFormats() throws {
    let folder = try TemporaryFolder()
    let tar = Array("storages".utf8) + [UInt8](repeating: 0, count: 249) + Array("ustar  ".utf8)
    let files: [(bytes: [UInt8], mention: String)] = [
      ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3], "zcat"), ([0x28, 0xB5, 0x2F, 0xFD, 4, 0, 0, 0, 0], "zstdcat"),
      (Array("\u{89}HDF\r\n\u{1a}\n\0".unicodeScalars.map { UInt8($0.value) }), "HDF5"),
      (Array("GGUF\u{3}\0\0\0\0".utf8), "GGUF"), (tar + [UInt8](repeating: 0, count: 512), "tar archive"),
      (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "git lfs pull"),
      ([0x93] + Array("NUMPY".utf8), "header"),
    ]
    for (bytes, mention) in files {
      let found = error(try folder.write(bytes, to: "x"))
      #expect(found?.kind == .badData)
      #expect(found?.description.contains(mention) == true, "\(String(describing: found))")
    }
    // A header of 0x88b1f bytes begins like gzip data.
    let header = "{}" + String(repeating: " ", count: 0x88b1f - 2)
    #expect(error(try folder.write(safetensors(header), to: "x")) == nil)
  }

  @Test func fifoIsReadOnce() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("fifo")
    #expect(mkfifo(path, 0o600) == 0)
    let bytes = model
    let writer = Thread { feed(path, bytes) }
    writer.start()
    let source = try openCheckpoint(.path(path))
    #expect(try source.value("a").bytes == [3, 4])
  }

  @Test func fifoWithJunkBehind() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("fifo")
    #expect(mkfifo(path, 0o600) == 0)
    let bytes = model + [0]
    let writer = Thread { feed(path, bytes) }
    writer.start()
    #expect(
      error(path)
        == .invalidHeader(path: path, .incompleteBuffer(expected: model.count, found: model.count + 1)))
  }

  @Test func fileThatShrinksWhileOpen() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(model)
    let source = try openCheckpoint(.path(path))
    #expect(truncate(path, off_t(model.count - 1)) == 0)
    #expect(throws: CheckpointError.fileShrank(path: path, offset: model.count - 1)) { try source.value("a") }
  }

  /// A key means one of several state dicts; a format that holds one has none.
  @Test func keyOfAFormatWithoutKeys() throws {
    let folder = try TemporaryFolder()
    var options = OpenOptions()
    options.key = "model"
    let plain = try folder.write(model)
    var compressed = WriteOptions()
    compressed.compress = true
    let weights: [TensorName: TensorValue] = [
      "a": TensorValue(f32: [Float](repeating: 1, count: 5000), shape: [5000])
    ]
    try ContainerTests.write(weights, to: folder.file("compressed"), options: compressed)
    let fifo = folder.file("fifo")
    #expect(mkfifo(fifo, 0o600) == 0)
    for path in [plain, folder.file("compressed"), fifo] {
      for streams in path == fifo ? [false, true] : [false] {
        options.streams = streams
        let bytes = model
        if path == fifo { Thread { feed(path, bytes) }.start() }
        let error = #expect(throws: CheckpointError.self) {
          try openCheckpoint(.path(path), options: options)
        }
        #expect(error == .keyWithoutMeaning(path: path, key: "model", format: "a safetensors file"))
        #expect(error?.kind == .usage)
      }
    }
  }

  @Test func rangesOutsideATensor() throws {
    let source = try open(model)
    var byte: [UInt8] = [0, 0]
    try byte.withUnsafeMutableBytes { try source.read("a", at: 0, into: $0) }
    #expect(byte == [3, 4])
    for offset in [1, 3, -1, Int.max] {
      #expect(throws: CheckpointError.outOfRange(path: source.label, "a", offset: offset, count: 2)) {
        try byte.withUnsafeMutableBytes { try source.read("a", at: offset, into: $0) }
      }
    }
    #expect(throws: CheckpointError.missingTensor(path: source.label, "b")) { try source.value("b") }
  }
}

private func feed(_ path: String, _ bytes: [UInt8]) {
  let handle = FileHandle(forWritingAtPath: path)
  handle?.write(Data(bytes))
  try? handle?.close()
}
