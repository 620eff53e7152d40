import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct ShardedSetTests {
  static let values: [TensorName: TensorValue] = [
    "a": TensorValue(f32: [1, 2, 3, 4], shape: [4]), "b": TensorValue(i64: [5], shape: [1]),
    "c": TensorValue(f32: [6, 7], shape: [2]), "d": TensorValue(dtype: .u8, shape: [1], bytes: [9]),
  ]

  func makeSet(_ folder: TemporaryFolder, compress: Bool = false) throws {
    var options = WriteOptions()
    options.maxShardBytes = 16
    options.compress = compress
    try ContainerTests.write(
      Self.values, to: folder.file("set"), metadata: Metadata(["format": "pt"]), options: options)
  }

  @Test(arguments: [false, true]) func roundTrip(_ compress: Bool) throws {
    let folder = try TemporaryFolder()
    try makeSet(folder, compress: compress)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("set")).sorted() == [
        "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors", "model.safetensors.index.json",
      ])
    #expect(
      String(decoding: try folder.read("set/model.safetensors.index.json"), as: UTF8.self)
        == #"{"metadata":{"total_size":33},"weight_map":{"a":"model-00001-of-00003.safetensors","b":"model-00002-of-00003.safetensors","c":"model-00002-of-00003.safetensors","d":"model-00003-of-00003.safetensors"}}"#
        + "\n")
    for path in [folder.file("set"), folder.file("set/"), folder.file("set/model.safetensors.index.json")] {
      let source = try openCheckpoint(.path(path))
      #expect(source.metadata == Metadata(["format": "pt"]))
      #expect(source.tensors.map(\.name) == ["a", "b", "c", "d"])
      for (name, value) in Self.values { #expect(try source.value(name) == value) }
      #expect(throws: CheckpointError.missingTensor(path: path, "none")) { try source.value("none") }
    }
  }

  @Test func setOfPyTorchFiles() throws {
    let folder = try TemporaryFolder()
    var options = WriteOptions()
    options.format = .pytorch
    let parts: [[TensorName]] = [["a", "b"], ["c", "d"]]
    for (number, names) in parts.enumerated() {
      try ContainerTests.write(
        Self.values.filter { names.contains($0.key) }, to: folder.file("pytorch_model-\(number).bin"),
        options: options)
    }
    let map = parts.enumerated().flatMap { number, names in
      names.map { "\"\($0)\":\"pytorch_model-\(number).bin\"" }
    }
    let index = #"{"metadata":{"total_size":33},"weight_map":{"# + map.joined(separator: ",") + "}}"
    try folder.write(Array(index.utf8), to: "pytorch_model.bin.index.json")
    for path in [folder.file(""), folder.file("pytorch_model.bin.index.json")] {
      let source = try openCheckpoint(.path(path))
      #expect(Set(source.tensors.map(\.name)) == ["a", "b", "c", "d"])
      for (name, value) in Self.values { #expect(try source.value(name) == value) }
    }
  }

  func index(_ json: String, in folder: TemporaryFolder) throws -> CheckpointError? {
    try folder.write(Array(json.utf8), to: "set/model.safetensors.index.json")
    do {
      _ = try openCheckpoint(.path(folder.file("set")))
      return nil
    } catch { return error as? CheckpointError }
  }

  @Test(arguments: [
    "/etc/passwd", "../x.safetensors", "sub/x.safetensors", "..", "", "model.safetensors.index.json",
    ".x.safetensors",
    "a\\u0000.safetensors",
  ])
  func namesNeverLeaveTheFolder(_ name: String) throws {
    let folder = try TemporaryFolder()
    try makeSet(folder)
    let error = try index(#"{"weight_map":{"a":"\#(name)"}}"#, in: folder)
    #expect(
      error?.description.contains("the index must name a .safetensors or .bin file in its own folder") == true
    )
  }

  @Test func indexAndShardsDisagree() throws {
    let folder = try TemporaryFolder()
    try makeSet(folder)
    let first = "model-00001-of-00003.safetensors"
    let second = "model-00002-of-00003.safetensors"
    #expect(
      try index(#"{"weight_map":{"a":"none.safetensors"}}"#, in: folder)
        == .cannotOpen(path: folder.file("set/none.safetensors"), code: ENOENT))
    #expect(
      try index(#"{"weight_map":{"a":"\#(first)","x":"\#(first)"}}"#, in: folder)
        == .missingTensor(path: folder.file("set/\(first)"), "x"))
    #expect(
      try index(#"{"weight_map":{"a":"\#(first)","b":"\#(second)"}}"#, in: folder)
        == .malformed(path: folder.file("set/\(second)"), reason: "tensor \"c\" is not where the index says"))
    try folder.write(try folder.read("set/\(first)"), to: "set/copy.safetensors")
    #expect(
      try index(#"{"weight_map":{"a":"\#(first)","b":"copy.safetensors"}}"#, in: folder)?.kind == .badData)
    #expect(try index(#"{"weight_map":{"a":"\#(first)","a":"\#(first)"}}"#, in: folder)?.kind == .badData)
    #expect(try index("{}", in: folder)?.kind == .badData)
    #expect(try index("[", in: folder)?.kind == .badData)
  }

  /// Cut or flipped anywhere, an index is an error or names the same tensors, never a crash.
  @Test func damagedIndexes() throws {
    let folder = try TemporaryFolder()
    try makeSet(folder)
    let path = folder.file("set/model.safetensors.index.json")
    let whole = try folder.read("set/model.safetensors.index.json")
    for length in 0..<whole.count - 2 {
      #expect(try index(String(decoding: whole[..<length], as: UTF8.self), in: folder)?.kind == .badData)
    }
    for bit in 0..<whole.count * 8 {
      var flipped = whole
      flipped[bit / 8] ^= 1 << (bit % 8)
      try folder.write(flipped, to: "set/model.safetensors.index.json")
      guard let source = try? openCheckpoint(.path(path)) else { continue }
      #expect(source.tensors.map(\.name) == ["a", "b", "c", "d"])
    }
  }

  @Test func linkedShards() throws {
    let folder = try TemporaryFolder()
    try makeSet(folder)
    symlink("model-00001-of-00003.safetensors", folder.file("set/link.safetensors"))
    #expect(try index(#"{"weight_map":{"a":"link.safetensors"}}"#, in: folder) == nil)
    try FileManager.default.removeItem(atPath: folder.file("set/link.safetensors"))
    symlink("/dev/zero", folder.file("set/link.safetensors"))
    #expect(
      try index(#"{"weight_map":{"a":"link.safetensors"}}"#, in: folder)
        == .malformed(
          path: folder.file("set/link.safetensors"), reason: "a shard must be a regular file"))
  }

  @Test func givingUpLeavesNothing() throws {
    let folder = try TemporaryFolder()
    var options = WriteOptions()
    options.maxShardBytes = 16
    do {
      let writer = try CheckpointWriter(
        to: .path(folder.file("set")),
        tensors: Self.values.map { spec($0.key, $0.value.dtype, $0.value.shape) },
        metadata: Metadata(), options: options)
      for spec in writer.order.dropLast() { try writer.write(Self.values[spec.name]!) }
    }
    #expect(try folder.listing() == [])
  }
}
