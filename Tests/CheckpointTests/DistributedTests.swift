import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Directories of `torch.distributed.checkpoint`, written by hand after PyTorch's layout.
@Suite struct DistributedTests {
  typealias Tensor = DistributedFolder.Tensor

  static let matrix = TensorValue(f32: (0..<40).map { Float($0) / 4 }, shape: [5, 8])
  static let half = TensorValue(dtype: .bf16, shape: [3, 2], bytes: (0..<12).map { UInt8($0) })
  static let byte = TensorValue(dtype: .f8e4m3, shape: [7], bytes: (1..<8).map { UInt8($0) })
  static let counter = TensorValue(i64: [41], shape: [])

  /// A model as FSDP keeps it, with an optimizer.
  static func run(ranks: Int = 4) -> [Tensor] {
    [
      Tensor(["model", "a.weight"], matrix, cutAlong: 0, ranks: ranks),
      Tensor(["model", "b.weight"], matrix, cutAlong: 1, ranks: ranks),
      Tensor(["model", "c.weight"], half, cutAlong: 0, ranks: ranks),
      Tensor(["model", "d.scale"], byte, cutAlong: 0, ranks: ranks),
      Tensor(["model", "e.count"], counter, rank: ranks - 1),
      Tensor(["optimizer", "state", "a.weight", "exp_avg"], matrix, cutAlong: 0, ranks: ranks),
      Tensor(["optimizer", "state", "a.weight", "step"], counter),
    ]
  }

  static let values: [TensorName: TensorValue] = [
    "a.weight": matrix, "b.weight": matrix, "c.weight": half, "d.scale": byte, "e.count": counter,
  ]

  func write(_ folder: DistributedFolder) throws -> TemporaryFolder {
    let target = try TemporaryFolder()
    try folder.write(to: target.file("step-10"))
    return target
  }

  func open(_ folder: DistributedFolder, key: String? = nil) throws -> any CheckpointSource {
    var options = OpenOptions()
    options.key = key
    let target = try write(folder)
    // The files stay open when the folder has gone.
    return try openCheckpoint(.path(target.file("step-10")), options: options)
  }

  func refusal(_ folder: DistributedFolder, key: String? = nil) throws -> String? {
    let target = try write(folder)
    var options = OpenOptions()
    options.key = key
    do {
      let source = try openCheckpoint(.path(target.file("step-10")), options: options)
      for spec in source.tensors { _ = try source.value(spec.name) }
      return nil
    } catch let error as CheckpointError {
      return error.description.replacing(target.path, with: "")
    }
  }

  @Test(arguments: DistributedFolder.Serialization.allCases, [1, 2, 3, 4, 9])
  func readsChunksOnAnyDimension(_ serialization: DistributedFolder.Serialization, _ ranks: Int) throws {
    var folder = DistributedFolder(Self.run(ranks: ranks))
    folder.serialization = serialization
    folder.objects = ["train_state"]
    if serialization == .safetensors { folder.objects = [] }
    let target = try write(folder)
    let source = try openCheckpoint(.path(target.file("step-10")))
    #expect(Set(source.tensors.map(\.name)) == Set(Self.values.keys))
    for (name, value) in Self.values { #expect(try source.value(name) == value) }
    #expect(source.stateDictKey == "model")
    #expect(source.formatDescription.hasPrefix("torch.distributed.checkpoint of "))
    #expect(source.checksumCoverage == (serialization == .torch ? .all : .none))
  }

  @Test func convertsToOneFile() throws {
    let target = try write(DistributedFolder(Self.run()))
    let source = try openCheckpoint(.path(target.file("step-10/")))
    try Conversion().run(
      source, metadata: Metadata(), to: .path(target.file("whole.safetensors")), options: WriteOptions())
    let found = try readAll(target.file("whole.safetensors"))
    #expect(found == Self.values)
  }

  @Test func weightsAtTheTopLeaveOptimizerOut() throws {
    // torchtitan keeps the model's names at the top level; Megatron keeps no paths at all.
    for hasPaths in [true, false] {
      var folder = DistributedFolder([
        Tensor(["a.weight"], Self.matrix, cutAlong: 0, ranks: 2), Tensor(["a.bias"], Self.half),
        Tensor(["optimizer", "state.a.weight.exp_avg"], Self.matrix, cutAlong: 0, ranks: 2),
        Tensor(["chained_0", "optimizer.state.exp_avg.a.weight"], Self.matrix),
      ])
      folder.hasPaths = hasPaths
      #expect(try open(folder).tensors.map(\.name) == ["a.weight", "a.bias"])
      #expect(
        try open(folder, key: "optimizer").tensors.map(\.name) == ["state.a.weight.exp_avg"])
    }
  }

  @Test func keySelectsSubtree() throws {
    let nested = Self.run().map { tensor in
      var tensor = tensor
      tensor.path.insert("app", at: 0)
      return tensor
    }
    let folder = DistributedFolder(nested)
    for key in ["app.model", "app/model", nil] {
      let source = try open(folder, key: key)
      #expect(Set(source.tensors.map(\.name)) == Set(Self.values.keys), "\(key ?? "-")")
    }
    #expect(try open(folder).stateDictKey == "app/model")
    #expect(try open(folder, key: "app.optimizer.state").tensors.map(\.name).contains("a.weight.exp_avg"))
    #expect(
      try refusal(folder, key: "teacher") == #"/step-10: no key "teacher"; there are: app"#)
  }

  @Test func averagedWeightsWinAndEqualOnesAreAmbiguous() throws {
    func pair(_ key: String) -> [Tensor] {
      [Tensor([key, "a.weight"], Self.matrix), Tensor([key, "a.bias"], Self.half)]
    }
    let averaged = try open(DistributedFolder(pair("model") + pair("model_ema")))
    #expect(
      averaged.origin.stateDict
        == StateDictChoice(key: "model_ema", reason: .averaged, isAverage: true, passedOver: ["model"]))
    #expect(
      try refusal(DistributedFolder(pair("generator") + pair("critic")))
        == #"/step-10: contains several equally plausible state dicts: "generator", "critic""#)
  }

  @Test func namesComeWithoutWrappers() throws {
    let folder = DistributedFolder([
      Tensor(["model", "module.a._orig_mod.weight"], Self.matrix),
      Tensor(["model", "module.a.bias"], Self.half),
    ])
    #expect(try open(folder).tensors.map(\.name) == ["a.weight", "a.bias"])
  }

  @Test func accelerateKeepsTheModelInAFolder() throws {
    let target = try TemporaryFolder()
    try DistributedFolder(Self.run()).write(to: target.file("checkpoint-5/pytorch_model_fsdp_0"))
    try DistributedFolder([Tensor(["optimizer", "state", "x"], Self.matrix)]).write(
      to: target.file("checkpoint-5/optimizer_0"))
    #expect(try openCheckpoint(.path(target.file("checkpoint-5"))).tensors.count == 5)
    #expect(isCheckpointFolder(target.file("checkpoint-5")))
    #expect(!isCheckpointFolder(target.path))
  }

  // MARK: What Python writes

  /// Metadata that Python's own pickler has written; `Tests/Fuzz/make_distributed.py` made them.
  @Test func readsWhatPythonWrites() throws {
    let folder = Fixtures.root.deletingLastPathComponent().appendingPathComponent(
      "Tests/Fuzz/corpus/distributed")
    func metadata(_ name: String) throws -> DistributedMetadata {
      try DistributedMetadata(pickle: [UInt8](try Data(contentsOf: folder.appendingPathComponent(name))))
    }
    let fsdp = try metadata("fsdp")
    #expect(fsdp.objectCount == 1)
    #expect(
      fsdp.tensors.map(\.path) == [
        ["model", "a.weight"], ["model", "b.weight"], ["model", "count"], ["model", "c"],
        ["optimizer", "state", "a.weight", "exp_avg"],
      ])
    #expect(fsdp.tensors.map(\.dtype) == [.f32, .bf16, .f8e4m3, .f32, .f32])
    #expect(fsdp.tensors.map(\.shape) == [[4, 6], [4, 6], [], [1, 3], [4, 6]])
    #expect(fsdp.tensors.map(\.chunks.count) == [2, 2, 1, 1, 2])
    #expect(fsdp.tensors[1].chunks[1].offsets == [0, 3] && fsdp.tensors[1].chunks[1].sizes == [4, 3])
    #expect(fsdp.tensors[1].chunks[1].place == .init(file: "__1_0.distcp", offset: 1536, length: 512))
    #expect(try metadata("transformed").tensors[0].obstacle?.contains("(zstd)") == true)
    #expect(try metadata("megatron").tensors[0].obstacle != nil)
    #expect(try metadata("pinwheel").tensors[1].shape == [1 << 40, 1 << 18])
  }

  // MARK: What is refused

  @Test func refusesTransformedChunks() throws {
    var folder = DistributedFolder(Self.run())
    folder.place = { tensor, _, place in
      var place = place
      if tensor.name == "model.b.weight" { place.transforms = ["zstd"] }
      return place
    }
    #expect(
      try refusal(folder)
        == #"/step-10: tensor "model.b.weight" was transformed when it was written (zstd), which is not supported"#
    )
    // Of tensors that nobody asks for.
    folder.place = { tensor, _, place in
      var place = place
      if tensor.path[0] == "optimizer" { place.transforms = ["zstd"] }
      return place
    }
    #expect(try refusal(folder) == nil)
  }

  @Test func refusesMegatronsReformulatedTensors() throws {
    var folder = DistributedFolder(Self.run())
    folder.reformulated = ["model.a.weight"]
    #expect(try refusal(folder)?.contains("stored flattened by Megatron's distributed optimizer") == true)
  }

  @Test func refusesChunksThatDoNotTile() throws {
    var folder = DistributedFolder(Self.run())
    folder.tensors[0].chunks.remove(at: 2)
    #expect(
      try refusal(folder) == #"/step-10: tensor "model.a.weight" lacks 8 elements, which no chunk has"#)
    folder = DistributedFolder(Self.run())
    folder.tensors[0].chunks[1].offsets = [1, 0]
    #expect(
      try refusal(folder) == #"/step-10: tensor "model.a.weight" has overlapping chunks at [0, 0] and [1, 0]"#
    )
  }

  @Test func refusesChunksStoredNowhereOrTwice() throws {
    var folder = DistributedFolder(Self.run())
    folder.place = { tensor, chunk, place in
      tensor.name == "model.a.weight" && chunk.rank == 1 ? nil : place
    }
    #expect(
      try refusal(folder)
        == #"/step-10/.metadata: tensor "model.a.weight": the chunk at [2, 0] is stored nowhere"#)
    folder.place = { tensor, chunk, place in
      var place = place
      // The slice of the chunk before, which has the same shape.
      if tensor.name == "model.a.weight", chunk.rank == 1 {
        place.file = DistributedFolder.fileName(0)
        place.offset = 0
      }
      return place
    }
    #expect(
      try refusal(folder)?.hasSuffix(
        #"tensor "model.a.weight": the slice at 0 belongs to another tensor or chunk"#) == true)
  }

  @Test func refusesSlicesThatShareBytes() throws {
    var folder = DistributedFolder(Self.run())
    folder.place = { tensor, chunk, place in
      var place = place
      if tensor.name == "model.b.weight", chunk.rank == 1 { place.length += 1 }
      return place
    }
    #expect(try refusal(folder)?.hasSuffix("have bytes in common") == true)
  }

  /// Members that many objects share would be searched for each of them.
  @Test func objectsOfManyMembersAreRefused() {
    let module = "torch.distributed.checkpoint.metadata"
    let members = (0..<20_000).map { ("m\($0)", PickleValue.size([0])) }
    let tensors = (0..<20_000).map { number in
      (
        "\(number)",
        PickleValue.instance(
          .global(module, "TensorStorageMetadata"),
          state: number == 0 ? .memoized(.members(members)) : .memo(0))
      )
    }
    let metadata = PickleValue.instance(
      .global(module, "Metadata"),
      state: .members([("state_dict_metadata", .members(tensors)), ("storage_data", .dictionary([]))]))
    #expect(
      throws: DistributedMetadata.Fault("an object has 20000 members, more than any of PyTorch's")
    ) { try DistributedMetadata(pickle: metadata.pickle) }
  }

  @Test(arguments: ["../x", "/etc/passwd", "sub/__0_0.distcp", "", ".metadata", "a\u{0}b"])
  func refusesFilesOutsideTheDirectory(_ path: String) throws {
    var folder = DistributedFolder(Self.run())
    folder.place = { tensor, _, place in
      var place = place
      if tensor.name == "model.a.weight" { place.file = path }
      return place
    }
    #expect(try refusal(folder)?.contains("which is no file of the directory") == true)
  }

  @Test(arguments: [
    (0, 10), (0, 1 << 40), (1 << 40, 300), (Int.max, Int.max), (1, 300), (-1, 300), (0, -1),
  ])
  func refusesLyingPlaces(_ offset: Int, _ length: Int) throws {
    var folder = DistributedFolder(Self.run())
    folder.place = { tensor, chunk, place in
      var place = place
      if tensor.name == "model.a.weight", chunk.rank == 0 { (place.offset, place.length) = (offset, length) }
      return place
    }
    #expect(try refusal(folder) != nil)
  }

  @Test func refusesMissingFiles() throws {
    let target = try write(DistributedFolder(Self.run()))
    try FileManager.default.removeItem(atPath: target.file("step-10/__1_0.distcp"))
    #expect(throws: CheckpointError.cannotOpen(path: target.file("step-10/__1_0.distcp"), code: ENOENT)) {
      try openCheckpoint(.path(target.file("step-10")))
    }
    #expect(mkfifo(target.file("step-10/__1_0.distcp"), 0o600) == 0)
    #expect(throws: CheckpointError.self) { try openCheckpoint(.path(target.file("step-10"))) }
  }

  /// A slice of another shape than its chunk, of the same number of elements.
  @Test func refusesSlicesOfAnotherShape() throws {
    let folder = DistributedFolder([
      Tensor(["model", "a.weight"], Self.matrix), Tensor(["model", "b.weight"], Self.half),
    ])
    let target = try write(folder)
    let data = TorchArchive.file(of: TensorValue(f32: try Self.matrix.floats(), shape: [8, 5]))
    var file = try target.read("step-10/__0_0.distcp")
    file.replaceSubrange(0..<data.count, with: data)
    try target.write(file, to: "step-10/__0_0.distcp")
    #expect(
      throws: CheckpointError.mismatch(
        path: target.file("step-10/__0_0.distcp"), "model.a.weight", expected: "F32 [5, 8]",
        found: "F32 [8, 5]")
    ) { try openCheckpoint(.path(target.file("step-10"))) }
  }

  @Test func damagedDataAreFound() throws {
    let target = try write(DistributedFolder(Self.run(ranks: 2)))
    var file = try target.read("step-10/__1_0.distcp")
    // The bits of 10 elements of the second half of the first matrix.
    let pattern = Array(Self.matrix.bytes[100..<140])
    let place = try #require(
      (0..<file.count - 40).first { file[$0..<$0 + 40].elementsEqual(pattern) })
    file[place] ^= 1
    try target.write(file, to: "step-10/__1_0.distcp")
    let source = try openCheckpoint(.path(target.file("step-10")))
    #expect(throws: CheckpointError.self) { try source.value("a.weight") }
  }

  /// Cut or flipped anywhere, the metadata are an error or name the same tensors, never a crash or other values.
  @Test func damagedMetadata() throws {
    let target = try write(
      DistributedFolder([
        Tensor(["model", "a.weight"], Self.matrix, cutAlong: 1, ranks: 2),
        Tensor(["model", "b.bias"], Self.half),
      ]))
    let whole = try target.read("step-10/.metadata")
    for length in 0..<whole.count {
      try target.write(Array(whole[..<length]), to: "step-10/.metadata")
      #expect(throws: CheckpointError.self) { try openCheckpoint(.path(target.file("step-10"))) }
    }
    for bit in 0..<whole.count * 8 {
      var flipped = whole
      flipped[bit / 8] ^= 1 << (bit % 8)
      try target.write(flipped, to: "step-10/.metadata")
      guard let source = try? openCheckpoint(.path(target.file("step-10"))) else { continue }
      for spec in source.tensors {
        guard let value = try? source.value(spec.name) else { continue }
        #expect(value == Self.matrix || value == Self.half, "bit \(bit): \(spec.name)")
      }
    }
  }

  /// One list of chunks, each the same object, for many tensors: a few bytes each, but quadratic work.
  @Test func repeatedChunksAreBounded() {
    let module = "torch.distributed.checkpoint.metadata"
    func instance(_ name: String, _ members: [(String, PickleValue)]) -> PickleValue {
      .instance(.global(module, name), state: .members(members))
    }
    let chunk = PickleValue.memoized(
      instance("ChunkStorageMetadata", [("offsets", .size([0])), ("sizes", .size([0]))]))
    let chunks = PickleValue.memoized(.list([chunk] + Array(repeating: .memo(0), count: 5000)))
    let properties = PickleValue.instance(
      .global(module, "TensorProperties"), state: .tuple([.global("torch", "float32")]))
    let tensors = (0..<5000).map { number in
      (
        "\(number)",
        instance(
          "TensorStorageMetadata",
          [("properties", properties), ("size", .size([0])), ("chunks", number == 0 ? chunks : .memo(1))])
      )
    }
    let metadata = instance(
      "Metadata", [("state_dict_metadata", .members(tensors)), ("storage_data", .dictionary([]))])
    #expect(throws: StateDictError.self) { try DistributedMetadata(pickle: metadata.pickle) }
  }

  // MARK: Rank shards

  @Test(arguments: [1, 2, 4]) func readsShardsOfRanks(_ ranks: Int) throws {
    let target = try TemporaryFolder()
    let tensors = Self.run(ranks: ranks).prefix(5).map { tensor in
      var tensor = tensor
      tensor.path.removeFirst()
      return tensor
    }
    try DistributedFolder(tensors).writeRankShards(to: target.file("sharded"))
    let source = try openCheckpoint(.path(target.file("sharded")))
    for (name, value) in Self.values { #expect(try source.value(name) == value) }
    #expect(source.metadata == Metadata(["format": "pt"]))
    if ranks > 2 {
      try FileManager.default.removeItem(
        atPath: target.file("sharded/shard-00002-model-00001-of-00001.safetensors"))
      #expect(
        throws: CheckpointError.incompleteFolder(
          path: target.file("sharded"), reason: "lacks the shards of rank 2 of at least 4")
      ) { try openCheckpoint(.path(target.file("sharded"))) }
    }
  }
}
