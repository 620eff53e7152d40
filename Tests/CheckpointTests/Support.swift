import Foundation
import Platform
import TestSupport
import Testing

@testable import Checkpoint

/// A safetensors file of this header and these data.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  safetensors(Array(header.utf8), data: data)
}

func safetensors(_ header: [UInt8], data: [UInt8] = []) -> [UInt8] {
  littleEndianBytes(UInt64(header.count)) + header + data
}

extension TemporaryFolder {
  @discardableResult
  func write(_ bytes: [UInt8], to name: String = "x.safetensors") throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }
}

/// Opens `bytes` as a file.
func open(_ bytes: [UInt8]) throws -> any CheckpointSource {
  let folder = try TemporaryFolder()
  return try openCheckpoint(.path(try folder.write(bytes)))
}

/// The fault that opening `bytes` reports; nil when it opens.
func fault(_ bytes: [UInt8]) throws -> SafetensorsFault? {
  do {
    _ = try open(bytes)
    return nil
  } catch CheckpointError.invalidHeader(_, let fault) {
    return fault
  }
}

func spec(_ name: TensorName, _ dtype: DType, _ shape: [Int]) -> TensorSpec {
  TensorSpec(name: name, dtype: dtype, shape: shape)
}

/// Calls `body` with a path under which the bytes appear with each bit flipped in turn.
func forEachBitFlip(_ whole: [UInt8], _ body: (_ path: String, _ bit: Int) throws -> Void) throws {
  let folder = try TemporaryFolder()
  let path = try folder.write(whole, to: "flipped")
  let descriptor = Glibc.open(path, O_WRONLY)
  defer { close(descriptor) }
  for bit in 0..<whole.count * 8 {
    var byte = whole[bit / 8] ^ 1 << (bit % 8)
    #expect(pwrite(descriptor, &byte, 1, bit / 8) == 1)
    try body(path, bit)
    byte = whole[bit / 8]
    #expect(pwrite(descriptor, &byte, 1, bit / 8) == 1)
  }
}

/// Calls `body` with a path under which the bytes appear cut to each shorter length in turn, the longest first.
func forEachTruncation(_ whole: [UInt8], _ body: (_ path: String, _ length: Int) throws -> Void) throws {
  let folder = try TemporaryFolder()
  let path = try folder.write(whole, to: "cut")
  for length in (0..<whole.count).reversed() {
    #expect(truncate(path, length) == 0)
    try body(path, length)
  }
}

/// Opens and reads everything.
func readAll(_ path: String) throws -> [TensorName: TensorValue] {
  let source = try openCheckpoint(.path(path))
  return Dictionary(uniqueKeysWithValues: try source.tensors.map { ($0.name, try source.value($0.name)) })
}
