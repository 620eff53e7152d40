import Platform

/// The part of a sharded set that one of several processes writes.
public struct SetPart: Sendable {
  /// The files of this process, of all files of the set: those whose number leaves the shard's index.
  public var shard: Shard
  /// A name for what is written, without slashes, that is the same in all processes and in a repeated one, and that
  /// changes with the inputs: files of different runs must not become one set.
  public var identity: String

  /// - Parameters:
  ///   - shard: Which of the processes this is.
  ///   - identity: Name of the run's result.
  public init(shard: Shard, identity: String) {
    self.shard = shard
    self.identity = identity
  }
}

/// Writes some files of a sharded set, of which other processes write the others, perhaps at the same time.
///
/// Complete files are collected in a hidden folder in the target that is named after the result's identity. The process
/// that finds the last one there moves all of them to their places and writes the index, as one process would have written
/// it. A process that is killed and repeated begins again with its files, or, when the set is complete, does nothing. Until
/// the index is there, the folder is no checkpoint.
///
/// The steps of the move are such that whoever comes after a killed one can go on: files of an earlier set go first, then a
/// mark says that what has the name of a file of the set is a file of the set.
final class SharedSetSink: TensorSink {
  /// The tensors of the files of this process, file by file.
  let order: [TensorSpec]

  private let target: String
  private let parts: String
  private let identity: String
  private let plan: [[TensorSpec]]
  private let metadata: Metadata
  private let options: WriteOptions
  /// Files that stand next to the set, by name.
  private let companions: [(name: String, bytes: [UInt8])]
  /// Numbers of the files of this process; none if the set is complete already.
  private let own: [Int]
  private var sinks: [any TensorSink] = []
  private var remaining = 0

  /// Says that the move has begun.
  private static let markName = "moving"
  /// In the target: identity of the set, and of its index.
  private static let recordName = ".model.identity"

  /// - Parameters:
  ///   - folder: The target; created when it is not there.
  ///   - plan: The tensors of every file of the set.
  ///   - part: The part of this process.
  ///   - companions: Files that stand next to the set, by name.
  /// - Throws: `CheckpointError.cannotCreate`.
  init(
    _ folder: String, plan: [[TensorSpec]], part: SetPart, metadata: Metadata, options: WriteOptions,
    companions: [(name: String, bytes: [UInt8])]
  ) throws(CheckpointError) {
    target = folder.utf8.last == UInt8(ascii: "/") ? folder : folder + "/"
    identity = part.identity
    parts = "\(target).parts-\(part.identity)/"
    self.plan = plan
    self.metadata = metadata
    self.options = options
    self.companions = companions
    try Self.makeFolder(target)
    own = Self.isPublished(part.identity, in: target) ? [] : part.shard.items(of: plan.count)
    order = own.flatMap { plan[$0] }
    if !own.isEmpty { try Self.makeFolder(parts) }
  }

  private static func makeFolder(_ path: String) throws(CheckpointError) {
    var status = stat()
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw .cannotCreate(path: path, reason: systemMessage(errno))
    }
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw .cannotCreate(path: path, reason: "is no folder")
    }
  }

  var canReplaceMetadata: Bool { false }

  private func name(_ number: Int) -> String { ShardedSink.shardName(number, of: plan.count) }

  /// Begins the next file of this process.
  private func startShard() throws(CheckpointError) {
    let number = own[sinks.count]
    // Another process may have moved what there was, and the folder with it.
    try Self.makeFolder(parts)
    let output = try OutputFile(.path(parts + name(number)))
    remaining = plan[number].count
    sinks.append(
      options.compress
        ? try CompressedSink(output, metadata: metadata, options: options)
        : try PlainSink(output, tensors: plan[number], metadata: metadata))
  }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    if remaining == 0 { try startShard() }
    try sinks.last!.write(bytes, of: spec)
  }

  func end(_ spec: TensorSpec) throws {
    if remaining == 0 { try startShard() }
    try sinks.last!.end(spec)
    remaining -= 1
    if remaining == 0 { try sinks.last!.complete(metadata: nil) }
  }

  func complete(metadata: Metadata?) throws {
    guard metadata == nil || metadata == self.metadata else {
      throw CheckpointError.invalidRequest(
        path: target, reason: "the metadata of a sharded set cannot be replaced")
    }
    // A set without tensors has one file without tensors.
    while sinks.count < own.count {
      try startShard()
      try sinks.last!.complete(metadata: nil)
    }
  }

  func commit() throws {
    if own.isEmpty { return }
    for sink in sinks { try sink.commit() }
    // A process that was taken for dead and repeated comes late: the set is complete without its files.
    if Self.isPublished(identity, in: target) {
      for number in own { unlink(parts + name(number)) }
      rmdir(parts)
    } else {
      try publish()
    }
  }

  func abort() {
    for sink in sinks { sink.abort() }
    // Goes away if nobody has put a file there.
    rmdir(parts)
  }

  // MARK: The whole set

  /// Moves the files to their places if they are complete and no other process is about it.
  private func publish() throws {
    guard isComplete else { return }
    let lock = HiddenFolder.lock(parts)
    // Where there are no locks, several may move the same files: each moves what it finds.
    guard lock >= 0 || errno != EWOULDBLOCK && errno != ENOENT else { return }
    defer { if lock >= 0 { close(lock) } }
    guard isComplete else { return }
    let names = plan.indices.map(name)
    if access(parts + Self.markName, F_OK) != 0 {
      unlink(target + ShardedSet.indexName)
      for old in fileNames(in: target) where ShardedSink.isShardName(old) { unlink(target + old) }
      try writeOutput([UInt8](), to: .path(parts + Self.markName))
    }
    for name in names {
      guard rename(parts + name, target + name) == 0 || errno == ENOENT else {
        throw CheckpointError.cannotCreate(path: target + name, reason: systemMessage(errno))
      }
    }
    for (name, bytes) in companions { try writeOutput(bytes, to: .path(target + name)) }
    try writeOutput(ShardedSink.index(of: plan), to: .path(target + ShardedSet.indexName))
    if let stamp = Self.stamp(of: target + ShardedSet.indexName) {
      try writeOutput("\(identity) \(stamp)\n".utf8, to: .path(target + Self.recordName))
    }
    unlink(parts + Self.markName)
    rmdir(parts)
  }

  /// True if every file of the set has been written.
  private var isComplete: Bool {
    let isMoving = access(parts + Self.markName, F_OK) == 0
    return plan.indices.allSatisfy { number in
      let name = name(number)
      return access(parts + name, F_OK) == 0 || isMoving && access(target + name, F_OK) == 0
    }
  }

  /// True if the target is the complete set of this identity, and nobody has written another one since.
  private static func isPublished(_ identity: String, in target: String) -> Bool {
    guard let stamp = stamp(of: target + ShardedSet.indexName),
      let file = try? InputFile(regularFileAt: target + recordName), file.length <= 1024,
      let bytes = try? file.bytes(at: 0, count: file.length)
    else { return false }
    return bytes.elementsEqual("\(identity) \(stamp)\n".utf8)
  }

  /// Distinguishes a file from others that had or will have its name; nil if it does not exist.
  private static func stamp(of path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }
}
