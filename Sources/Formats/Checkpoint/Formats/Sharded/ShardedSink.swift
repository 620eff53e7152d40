import Platform

/// Writes a sharded set into a folder: files of limited size and `model.safetensors.index.json`.
///
/// The set replaces an earlier one as a whole. Naming and greedy filling in the order of the tensors as in huggingface_hub (`split_state_dict_into_shards_factory`).
final class ShardedSink: TensorSink {
  private let folder: String
  private let plan: [[TensorSpec]]
  private let options: WriteOptions
  private let metadata: Metadata
  private var sinks: [any TensorSink] = []
  private var remaining: Int
  private let staged: StagedFolder

  /// The tensors of each shard, each in canonical order.
  static func plan(_ tensors: [TensorSpec], maxBytes: Int) -> [[TensorSpec]] {
    var shards: [[TensorSpec]] = []
    var size = 0
    for spec in tensors {
      if shards.isEmpty || (size + spec.byteCount > maxBytes && size > 0) {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1].append(spec)
      size += spec.byteCount
    }
    return shards.isEmpty ? [[]] : shards.map(SafetensorsHeader.canonicalOrder)
  }

  init(_ folder: String, plan: [[TensorSpec]], metadata: Metadata, options: WriteOptions)
    throws(CheckpointError)
  {
    staged = try StagedFolder(
      replacing: folder, index: ShardedSet.indexName,
      isReplaced: { Self.isShardName($0) || TensorName($0) == TensorName(ShardedSet.indexName) })
    self.folder = folder
    self.plan = plan
    self.metadata = metadata
    self.options = options
    remaining = 0
    try startShard()
  }

  static func shardName(_ index: Int, of count: Int) -> String {
    func digits(_ value: Int) -> String {
      String(repeating: "0", count: max(0, 5 - "\(value)".count)) + "\(value)"
    }
    return "model-\(digits(index + 1))-of-\(digits(count)).safetensors"
  }

  /// `model-00001-of-00004.safetensors`.
  static func isShardName(_ name: String) -> Bool {
    guard let stem = name.dropping(prefix: "model-")?.dropping(suffix: ".safetensors") else { return false }
    let parts = stem.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return parts.count == 3 && parts[1].elementsEqual("of".utf8)
      && [parts[0], parts[2]].allSatisfy { $0.count >= 5 && $0.allSatisfy { (0x30...0x39).contains($0) } }
  }

  /// The folder in which the set, and what belongs to it, is put together.
  var workingFolder: String { staged.path }

  var canReplaceMetadata: Bool { false }

  private func startShard() throws(CheckpointError) {
    let output = try OutputFile(.path("\(staged.path)/\(Self.shardName(sinks.count, of: plan.count))"))
    let tensors = plan[sinks.count]
    remaining = tensors.count
    sinks.append(
      options.compress
        ? try CompressedSink(output, metadata: metadata, options: options)
        : try PlainSink(output, tensors: tensors, metadata: metadata))
  }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    try sinks.last!.write(bytes, of: spec)
  }

  func end(_ spec: TensorSpec) throws {
    try sinks.last!.end(spec)
    remaining -= 1
    if remaining == 0 && sinks.count < plan.count {
      try sinks.last!.complete(metadata: nil)
      try startShard()
    }
  }

  func complete(metadata: Metadata?) throws {
    guard metadata == nil || metadata == self.metadata else {
      throw CheckpointError.invalidRequest(
        path: folder, reason: "the metadata of a sharded set cannot be replaced")
    }
    try sinks.last!.complete(metadata: nil)
    let index = try OutputFile(.path("\(staged.path)/\(ShardedSet.indexName)"))
    try index.write(Self.index(of: plan))
    try index.commit()
  }

  /// The index of a set of these files.
  static func index(of plan: [[TensorSpec]]) -> [UInt8] {
    let total = plan.joined().reduce(0) { $0 + $1.byteCount }
    let map = plan.enumerated().flatMap { number, tensors in
      tensors.map { ($0.name, JSON.string(shardName(number, of: plan.count))) }
    }
    let json = JSON.object([
      ("metadata", .object([("total_size", JSON(total))])),
      ("weight_map", .object(map.sorted { $0.0 < $1.0 }.map { ($0.0.string, $0.1) })),
    ])
    return Array((json.encoded() + "\n").utf8)
  }

  func commit() throws {
    for sink in sinks { try sink.commit() }
    try staged.commit()
  }

  func abort() {
    for sink in sinks { sink.abort() }
    staged.abort()
  }
}

/// A folder of files that replace those of an earlier set together.
///
/// Everything is written into a hidden folder next to the target, which takes the target's place in one step: a reader, or
/// whoever comes after a killed process, finds the old set or the new one and never shards of both. Other files in the
/// target are kept. Nothing is written through a link that somebody has planted under a shard's name.
///
/// Where folders cannot be exchanged (the target is the working directory, or the file system cannot do it), the index
/// goes first and comes last: an interrupted set then has none and is no set.
final class StagedFolder {
  private let hidden: HiddenFolder
  /// The folder to be replaced, links resolved; it need not exist.
  private let target: String
  private let label: String
  private let index: String
  /// True if a file of the old set is replaced rather than kept.
  private let isReplaced: (String) -> Bool
  private var isOpen = true

  /// Where the files are written.
  var path: String { hidden.path }

  /// Creates the hidden folder, and removes those that killed runs have left.
  ///
  /// - Parameters:
  ///   - folder: The target.
  ///   - index: Name of the file that makes the others a set.
  ///   - isReplaced: Whether a file of this name belongs to the set.
  /// - Throws: `CheckpointError.cannotCreate`.
  init(
    replacing folder: String, index: String, isReplaced: @escaping (String) -> Bool
  ) throws(CheckpointError) {
    label = folder
    self.index = index
    self.isReplaced = isReplaced
    target = try Self.resolved(folder)
    var status = stat()
    let exists = stat(target, &status) == 0
    guard !exists || status.st_mode & S_IFMT == S_IFDIR else {
      throw .cannotCreate(path: folder, reason: "is no folder")
    }
    guard !exists || access(target, W_OK | X_OK) == 0 else {
      throw .cannotCreate(path: folder, reason: systemMessage(errno))
    }
    let parent = OutputTarget.folder(of: target)
    let name = String(decoding: target.utf8.dropFirst(parent.utf8.count).prefix(200), as: UTF8.self)
    // Without the right to write next to the target, its own files can still be replaced.
    let prefixes = [parent + "." + name] + (exists ? ["\(target)/.model"] : [])
    for prefix in prefixes {
      HiddenFolder.removeAbandoned(prefix, target: target) {
        isReplaced($0) || TensorName($0) == TensorName(ModelConfiguration.fileName)
      }
    }
    hidden = try HiddenFolder(prefixes, label: folder)
    if exists {
      _ = chown(path, status.st_uid, status.st_gid)
      chmod(path, status.st_mode & 0o7777)
    }
    PendingOutputs.register(folder: path)
  }

  deinit { abort() }

  /// Puts the files, which are complete, in the target's place.
  ///
  /// - Throws: `CheckpointError.cannotCreate`.
  func commit() throws(CheckpointError) {
    Self.flush(path)
    // An empty folder gives way, too.
    if access(target, F_OK) != 0 || isApart, rename(path, target) == 0 {
      finish()
    } else if isApart, linkOthers(), exchangeNames(path, target) == 0 {
      clearOldFolder()
      finish()
    } else {
      try moveFiles()
      finish()
    }
  }

  /// Removes what was written. Without effect after `commit()`.
  func abort() {
    guard isOpen else { return }
    for name in fileNames(in: path) { unlink("\(path)/\(name)") }
    rmdir(path)
    letGo()
  }

  private func letGo() {
    isOpen = false
    PendingOutputs.unregisterFolder()
    hidden.unlock()
  }

  private func finish() {
    letGo()
    Self.flush(OutputTarget.folder(of: target).isEmpty ? "." : OutputTarget.folder(of: target))
  }

  /// True if the target may be exchanged: not the folder that the process, and so the user's shell, stands in.
  private var isApart: Bool {
    var (here, there) = (stat(), stat())
    guard stat(".", &here) == 0, stat(target, &there) == 0 else { return false }
    let isInside = OutputTarget.folder(of: path).utf8.elementsEqual((target + "/").utf8)
    return !isInside && (here.st_dev != there.st_dev || here.st_ino != there.st_ino)
  }

  /// Gives the user's other files a second name in the new folder, so that they are there when it is exchanged.
  private func linkOthers() -> Bool {
    for name in fileNames(in: target) where !isReplaced(name) {
      var status = stat()
      guard lstat("\(target)/\(name)", &status) == 0 else { return false }
      // Folders have one name only and follow after the exchange.
      if status.st_mode & S_IFMT == S_IFDIR { continue }
      guard link("\(target)/\(name)", "\(path)/\(name)") == 0 || errno == EEXIST else { return false }
    }
    return true
  }

  /// After the exchange the old files have the hidden name.
  private func clearOldFolder() {
    for name in fileNames(in: path) {
      let old = "\(path)/\(name)"
      var status = stat()
      if lstat(old, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        rename(old, "\(target)/\(name)")
      } else {
        unlink(old)
      }
    }
    rmdir(path)
  }

  private func moveFiles() throws(CheckpointError) {
    let old = fileNames(in: target).filter(isReplaced)
    unlink("\(target)/\(index)")
    Self.flush(target)
    let new = fileNames(in: path)
    for name in old where !new.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
      unlink("\(target)/\(name)")
    }
    // A rename replaces a planted link and does not follow it.
    for name in new.filter({ !$0.utf8.elementsEqual(index.utf8) }) + [index] {
      guard rename("\(path)/\(name)", "\(target)/\(name)") == 0 || errno == ENOENT else {
        throw .cannotCreate(path: "\(label)/\(name)", reason: systemMessage(errno))
      }
    }
    Self.flush(target)
    rmdir(path)
  }

  /// The folder that links lead to, without a slash at the end.
  private static func resolved(_ folder: String) throws(CheckpointError) -> String {
    guard !folder.isEmpty else { throw .cannotCreate(path: folder, reason: "the name is empty") }
    var bytes = Array(folder.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let plain = String(decoding: bytes, as: UTF8.self)
    guard let real = realpath(plain, nil) else {
      var status = stat()
      guard errno == ENOENT, lstat(plain, &status) != 0 else {
        throw .cannotCreate(path: folder, reason: systemMessage(errno == 0 ? EEXIST : errno))
      }
      return plain
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// Makes names in a folder durable; not every file system can, so a refusal does not matter.
  private static func flush(_ folder: String) {
    let descriptor = openRetrying(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
