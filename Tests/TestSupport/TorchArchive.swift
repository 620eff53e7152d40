import Checkpoint
import Foundation

/// A file of `torch.save`, made by hand: a zip archive of stored records with the pickle of an object and its storages.
package struct TorchArchive {
  private var storages: [[UInt8]] = []
  /// False leaves the checksums out, as PyTorch can.
  package var hasChecksums = true

  package init() {}

  /// A tensor with a storage of its own.
  package mutating func tensor(_ value: TensorValue, strides: [Int]? = nil) -> PickleValue {
    view(
      of: storage(value.bytes), value.dtype, value.shape, strides: strides, storageBytes: value.bytes.count)
  }

  /// Adds a storage and returns its key.
  package mutating func storage(_ bytes: [UInt8]) -> Int {
    storages.append(bytes)
    return storages.count - 1
  }

  /// A view of a storage; `offset` counts elements.
  package func view(
    of key: Int, _ dtype: DType, _ shape: [Int], offset: Int = 0, strides: [Int]? = nil, storageBytes: Int
  ) -> PickleValue {
    var dense = [Int](repeating: 1, count: shape.count)
    for dimension in shape.indices.dropLast().reversed() {
      dense[dimension] = dense[dimension + 1] * max(1, shape[dimension + 1])
    }
    let typed: [DType: String] = [
      .f64: "DoubleStorage", .f32: "FloatStorage", .f16: "HalfStorage", .bf16: "BFloat16Storage",
      .i64: "LongStorage", .i32: "IntStorage", .u8: "ByteStorage", .bool: "BoolStorage",
    ]
    let untyped: [DType: String] = [.f8e4m3: "float8_e4m3fn", .f8e5m2: "float8_e5m2"]
    let storage: PickleValue =
      typed[dtype].map { .global("torch", $0) } ?? .global("torch.storage", "UntypedStorage")
    let count = typed[dtype] == nil ? storageBytes : storageBytes / (dtype.bitWidth / 8)
    let identifier = PickleValue.persistent(
      .tuple([.text("storage"), storage, .text("\(key)"), .text("cpu"), .int(count)]))
    var arguments: [PickleValue] = [
      identifier, .int(offset), .tuple(shape.map { .int($0) }),
      .tuple((strides ?? dense).map { .int($0) }), .bool(false),
      .call(.global("collections", "OrderedDict"), []),
    ]
    guard typed[dtype] == nil else {
      return .call(.global("torch._utils", "_rebuild_tensor_v2"), arguments)
    }
    arguments.append(.global("torch", untyped[dtype]!))
    return .call(.global("torch._utils", "_rebuild_tensor_v3"), arguments)
  }

  /// The file.
  package func bytes(of object: PickleValue) -> [UInt8] {
    var records = [("archive/data.pkl", object.pickle), ("archive/byteorder", Array("little".utf8))]
    records += storages.enumerated().map { ("archive/data/\($0)", $1) }
    records.append(("archive/version", Array("3\n".utf8)))
    return Self.zip(records, hasChecksums: hasChecksums)
  }

  /// A file of one tensor.
  package static func file(of value: TensorValue, hasChecksums: Bool = true) -> [UInt8] {
    var archive = TorchArchive()
    archive.hasChecksums = hasChecksums
    let tensor = archive.tensor(value)
    return archive.bytes(of: tensor)
  }

  private static func zip(_ records: [(name: String, data: [UInt8])], hasChecksums: Bool) -> [UInt8] {
    func le(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for (name, data) in records {
      let crc = hasChecksums ? Int(data.withUnsafeBytes { crc32($0) }) : 0
      let offset = file.count
      let fields = le(0, 2) + le(0, 2) + le(0, 4) + le(crc, 4) + le(data.count, 4) + le(data.count, 4)
      file += [0x50, 0x4B, 3, 4] + le(20, 2) + fields + le(name.utf8.count, 2) + le(0, 2) + Array(name.utf8)
      file += data
      directory += [0x50, 0x4B, 1, 2] + le(20, 2) + le(20, 2) + fields + le(name.utf8.count, 2) + le(0, 2)
      directory += le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(offset, 4) + Array(name.utf8)
    }
    return file + directory + [0x50, 0x4B, 5, 6] + le(0, 4) + le(records.count, 2) + le(records.count, 2)
      + le(directory.count, 4) + le(file.count, 4) + le(0, 2)
  }
}
