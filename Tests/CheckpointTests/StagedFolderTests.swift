import Foundation
import Platform
import TestSupport
import Testing

@testable import Checkpoint

/// A sharded set in the place of another one.
@Suite struct StagedFolderTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private static func values(_ number: Float, tensors: Int) -> [TensorName: TensorValue] {
    Dictionary(
      uniqueKeysWithValues: (0..<tensors).map {
        (TensorName("t\($0)"), TensorValue(f32: [number, number, number, number], shape: [4]))
      })
  }

  private func write(_ number: Float, tensors: Int, to path: String) throws {
    var options = WriteOptions()
    options.maxShardBytes = 16
    try ContainerTests.write(Self.values(number, tensors: tensors), to: path, options: options)
  }

  private func expect(
    _ number: Float, tensors: Int, in path: String, sourceLocation: SourceLocation = #_sourceLocation
  )
    throws
  {
    #expect(try readAll(path) == Self.values(number, tensors: tensors), sourceLocation: sourceLocation)
  }

  private func listing(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  @Test func newSetReplacesTheOldOneAndKeepsOtherFiles() throws {
    let set = folder.file("set")
    try write(1, tensors: 5, to: set)
    try folder.write(Array("mine".utf8), to: "set/README")
    try FileManager.default.createDirectory(atPath: set + "/logs", withIntermediateDirectories: false)
    try folder.write(Array("log".utf8), to: "set/logs/a")
    try write(2, tensors: 3, to: set)
    try expect(2, tensors: 3, in: set)
    #expect(
      try listing(set) == [
        "README", "logs", "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors", "model.safetensors.index.json",
      ])
    #expect(try folder.read("set/README") == Array("mine".utf8))
    #expect(try folder.read("set/logs/a") == Array("log".utf8))
    #expect(try folder.listing() == ["set"])
  }

  @Test func unfinishedSetLeavesTheOldOne() throws {
    let set = folder.file("set")
    try write(1, tensors: 3, to: set)
    let before = try listing(set)
    var options = WriteOptions()
    options.maxShardBytes = 16
    let values = Self.values(2, tensors: 3)
    let writer = try CheckpointWriter(
      to: .path(set), tensors: values.map { spec($0, $1.dtype, $1.shape) }, metadata: Metadata(),
      options: options)
    for spec in writer.order.dropLast() { try writer.write(values[spec.name]!) }
    try expect(1, tensors: 3, in: set)
    writer.abort()
    try expect(1, tensors: 3, in: set)
    #expect(try listing(set) == before)
    #expect(try folder.listing() == ["set"])
  }

  /// A run ended by SIGKILL leaves, before the sets are exchanged, the new shards with links to the user's files, and
  /// afterwards the old shards and the user's folders.
  @Test func whatKilledRunsHaveLeftIsRemovedByTheNext() throws {
    let set = folder.file("set")
    try write(1, tensors: 3, to: set)
    try folder.write(Array("mine".utf8), to: "set/README")
    for name in [".set.4000000-0.tmp", "set/.model.4000000-1.tmp"] {
      try FileManager.default.createDirectory(
        atPath: folder.file(name) + "/logs", withIntermediateDirectories: true)
      try folder.write(Array("log".utf8), to: "\(name)/logs/\(name.utf8.count)")
      for file in [
        "model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json",
        ".model-00002-of-00002.safetensors.4000000-0.tmp",
      ] { try folder.write([1], to: "\(name)/\(file)") }
      #expect(link(set + "/README", folder.file(name) + "/README") == 0)
    }
    try FileManager.default.removeItem(atPath: folder.file("set/.model.4000000-1.tmp/logs"))
    try write(2, tensors: 3, to: set)
    try expect(2, tensors: 3, in: set)
    #expect(try folder.listing() == ["set"])
    #expect(try folder.read("set/logs/18") == Array("log".utf8))
    #expect(try folder.read("set/README") == Array("mine".utf8))
    #expect(try listing(set).count == 6)
  }

  @Test func foldersOfOtherRunsAndFilesOfTheUserStay() throws {
    let set = folder.file("set")
    let kept = [
      ".set.4000000-0.tmp/notes", ".set.4000000-x.tmp/model-00001-of-00002.safetensors",
      ".set2.4000000-0.tmp/model-00001-of-00002.safetensors", "set.4000000-0.tmp/config.json",
    ]
    for path in kept {
      try FileManager.default.createDirectory(
        atPath: folder.file(path.split(separator: "/").map(String.init)[0]),
        withIntermediateDirectories: false)
      try folder.write([1], to: path)
    }
    // A link to a folder is no folder that a run has made.
    #expect(symlink("set2", folder.file(".set.4000001-0.tmp")) == 0)
    try FileManager.default.createDirectory(atPath: folder.file("set2"), withIntermediateDirectories: false)
    try folder.write([1], to: "set2/config.json")
    // A run underway holds the lock of its folder.
    var options = WriteOptions()
    options.maxShardBytes = 16
    let values = Self.values(2, tensors: 3)
    let writer = try CheckpointWriter(
      to: .path(set), tensors: values.map { spec($0, $1.dtype, $1.shape) }, metadata: Metadata(),
      options: options)
    for spec in writer.order { try writer.write(values[spec.name]!) }
    try write(1, tensors: 4, to: set)
    try expect(1, tensors: 4, in: set)
    try writer.finish()
    try expect(2, tensors: 3, in: set)
    for path in kept + ["set2/config.json"] { #expect(try folder.read(path) == [1]) }
    #expect(
      try folder.listing() == [
        ".set.4000000-0.tmp", ".set.4000000-x.tmp", ".set.4000001-0.tmp", ".set2.4000000-0.tmp", "set",
        "set.4000000-0.tmp", "set2",
      ])
  }

  @Test func plantedLinksAreNotWrittenThrough() throws {
    let set = folder.file("set")
    try FileManager.default.createDirectory(atPath: set, withIntermediateDirectories: false)
    try folder.write(Array("secret".utf8), to: "private")
    for name in ["model-00001-of-00003.safetensors", "model.safetensors.index.json"] {
      #expect(symlink("../private", "\(set)/\(name)") == 0)
    }
    try write(1, tensors: 3, to: set)
    try expect(1, tensors: 3, in: set)
    #expect(try folder.read("private") == Array("secret".utf8))
  }

  /// The folder that a shell stands in must stay the same one.
  @Test func setInTheWorkingFolderIsReplacedFileByFile() throws {
    try write(1, tensors: 4, to: folder.file("set"))
    var before = stat()
    #expect(stat(folder.file("set"), &before) == 0)
    try folder.write(Array("mine".utf8), to: "set/README")
    let source = folder.file("source.st")
    try ContainerTests.write(Self.values(2, tensors: 3), to: source)
    let run = try Tool.shell(
      "cd '\(folder.file("set"))' && ckpt-convert ../source.st --max-shard-size 16 -o .")
    #expect(run.status == 0, "\(run.messages)")
    try expect(2, tensors: 3, in: folder.file("set"))
    var after = stat()
    #expect(stat(folder.file("set"), &after) == 0)
    #expect(before.st_ino == after.st_ino)
    #expect(try listing(folder.file("set")).count == 5)
    #expect(try folder.listing() == ["set", "source.st"])
  }

  @Test func fileInTheFoldersPlaceIsRefused() throws {
    try folder.write([1], to: "set")
    #expect(throws: CheckpointError.cannotCreate(path: folder.file("set"), reason: "is no folder")) {
      try write(1, tensors: 2, to: folder.file("set"))
    }
    #expect(try folder.read("set") == [1])
  }

  @Test func outputsAreTheSameFileHoweverTheyAreNamed() throws {
    func identity(_ path: String) throws -> OutputIdentity? { try Location.path(path).identity() }
    try folder.write([1], to: "a")
    #expect(symlink("a", folder.file("b")) == 0)
    #expect(symlink("new", folder.file("c")) == 0)
    #expect(link(folder.file("a"), folder.file("d")) == 0)
    #expect(try identity(folder.file("a")) == identity(folder.file("b")))
    #expect(try identity(folder.file("a")) == identity(folder.file("d")))
    #expect(try identity(folder.file("new")) == identity(folder.file("./c")))
    #expect(try identity(folder.file("new")) != identity(folder.file("other")))
    #expect(try identity("/dev/null") == nil)
    #expect(throws: CheckpointError.self) { try identity(folder.file("none/x")) }
  }

  @Test func tryingAnOutputLeavesNothingBehind() throws {
    try Location.path(folder.file("x")).tryToCreate()
    try Location.path(folder.file("set")).tryToCreate(isFolder: true)
    #expect(try folder.listing() == [])
    for path in ["none/x", "none/x/"] {
      #expect(throws: CheckpointError.self) { try Location.path(folder.file(path)).tryToCreate() }
    }
  }
}
