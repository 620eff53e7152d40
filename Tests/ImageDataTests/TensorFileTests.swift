import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import ImageData

@Suite struct TensorFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private let pixels = (0..<24).map { UInt8($0) }

  private func write(
    _ name: String, _ tensors: [TensorName: TensorValue]
  ) throws -> String {
    try writeCheckpoint(tensors, metadata: Metadata(), to: .path(folder.file(name)))
    return folder.file(name)
  }

  private func labels(_ dataset: any ImageDataset) -> [Int?] { (0..<dataset.count).map { dataset.label($0) } }

  @Test func namedTensors() throws {
    let path = try write(
      "x.safetensors",
      [
        "images": TensorValue(dtype: .u8, shape: [2, 2, 2, 3], bytes: pixels),
        "labels": TensorValue(i64: [7, 300], shape: [2]),
        "other": TensorValue(i64: [0, 0], shape: [2]),
      ])
    let dataset = try openDataset(path)
    #expect(labels(dataset) == [7, 300])
    #expect(dataset.itemName(1) == "\(path)[1]")
    #expect(try dataset.image(1).pixels == Array(pixels[12...]))
  }

  /// The file is told by its content as well.
  @Test func theOnlyTensorsThatFit() throws {
    let path = try write(
      "x.bin-ish",
      [
        "x": TensorValue(dtype: .u8, shape: [2, 3, 2, 2], bytes: pixels),
        "y": TensorValue(dtype: .u8, shape: [2], bytes: [1, 0]),
        "weights": TensorValue(f32: [1, 2], shape: [2]),
      ])
    let dataset = try openDataset(path)
    #expect(labels(dataset) == [1, 0])
    #expect(try dataset.image(0).pixels == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    let grey = try openDataset(
      write("g.safetensors", ["x": TensorValue(dtype: .u8, shape: [6, 2, 2], bytes: pixels)]))
    #expect(labels(grey) == [nil, nil, nil, nil, nil, nil])
    #expect(try grey.image(5).pixels.last == 23)
  }

  @Test func whatDoesNotFitIsNamed() throws {
    func message(_ tensors: [TensorName: TensorValue]) throws -> String {
      let path = try write("b.safetensors", tensors)
      let error = try #require(throws: ImageDataError.self) { try openDataset(path) }
      #expect(error.kind == .badData)
      return error.description.replacingOccurrences(of: path, with: "P")
    }
    let images = TensorValue(dtype: .u8, shape: [2, 2, 2, 3], bytes: pixels)
    #expect(
      try message(["images": TensorValue(f32: [1, 2, 3], shape: [1, 1, 3])])
        == #"P: tensor "images": expected U8 of [n, h, w], [n, h, w, 1 or 3] or [n, 1 or 3, h, w], found F32 [1, 1, 3]"#
    )
    #expect(try message(["a": images, "b": images]).contains("and 2 that could be it"))
    #expect(try message(["w": TensorValue(f32: [1], shape: [1])]).contains("and none that could be it"))
    #expect(
      try message(["images": images, "labels": TensorValue(i64: [1], shape: [1])])
        == #"P: tensor "labels": expected 2 whole numbers, found I64 [1]"#)
    #expect(
      try message(["images": images, "labels": TensorValue(i64: [1, -1], shape: [2])])
        == #"P: tensor "labels": expected a label at [1], found -1"#)
    let largest = TensorValue(dtype: .u64, shape: [2], bytes: [UInt8](repeating: 255, count: 16))
    #expect(
      try message(["images": images, "labels": largest])
        == #"P: tensor "labels": expected a label at [0], found 1.8446744073709552e+19"#)
    #expect(
      try message(["images": TensorValue(dtype: .u8, shape: [0, 2, 2], bytes: [])]).contains("no images"))
  }

  @Test func cutAnywhereIsRefused() throws {
    let path = try write(
      "x.safetensors", ["images": TensorValue(dtype: .u8, shape: [2, 2, 2, 3], bytes: pixels)])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for length in 0..<bytes.count {
      try bytes.prefix(length).write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: ImageDataError.self, "\(length)") { try openDataset(path) }
      #expect(error.kind == .badData)
    }
  }
}
