import Foundation
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
