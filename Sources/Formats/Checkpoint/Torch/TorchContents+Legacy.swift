extension TorchContents {
  /// `0x1950a86a20f9469cfc6c`, little-endian.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// The legacy format: pickles of a magic number, the protocol, system information, the objects and the storage keys,
  /// then for every key its number of elements and its data.
  init(legacy file: InputFile) throws {
    // The pickles stand before the data and their length is unknown.
    let bytes = try file.bytes(at: 0, count: min(file.length, Self.pickleLimit))
    var position = 0
    func next() throws(PickleError) -> (graph: PickleGraph, root: PickleGraph.Reference) {
      var interpreter = PickleInterpreter(bytes, from: position)
      let root = try interpreter.run()
      position = interpreter.reader.position
      return (interpreter.graph, root)
    }
    let magic = try next()
    guard case .bigInteger(Self.magic) = magic.graph[magic.root] else {
      throw PickleError(offset: 0, reason: "a pickle, but not one of torch.save")
    }
    let version = try next()
    guard version.graph.integer(version.root) == 1001 else {
      throw PickleError(offset: position, reason: "unknown version of the legacy format")
    }
    let system = try next()
    guard let little = system.graph.member("little_endian", of: system.root),
      little == PickleGraph.trueReference
    else {
      throw PickleError(offset: position, reason: "written on a big-endian machine")
    }
    (graph, root) = try next()
    let keyList = try next()
    guard case .list(let keyReferences) = keyList.graph[keyList.root] else {
      throw PickleError(offset: position, reason: "no list of storages")
    }
    let widths = graph.storageWidths()
    locations = [:]
    for reference in keyReferences {
      guard let key = keyList.graph.string(reference).map({ TensorName($0) }), let width = widths[key],
        locations[key] == nil
      else { throw PickleError(offset: position, reason: "a storage that no tensor uses, or twice") }
      guard position <= file.length - 8 else { throw PickleError(offset: position, reason: "ends early") }
      let count = ByteFields(try file.bytes(at: position, count: 8)).u64(0)
      position += 8
      guard count <= UInt64((file.length - position) / width) else {
        throw PickleError(offset: position, reason: "storage \"\(key)\" reaches beyond the end")
      }
      let size = Int(count) * width
      locations[key] = .init(offset: position, storedSize: size, size: size)
      position += size
    }
    guard position == file.length else {
      throw PickleError(offset: position, reason: "something follows the storages")
    }
  }
}

extension PickleGraph {
  /// Bytes per counted element of every storage that is mentioned.
  fileprivate func storageWidths() -> [TensorName: Int] {
    var widths: [TensorName: Int] = [:]
    for node in nodes {
      guard case .persistent(let identifier) = node, let items = tuple(identifier), items.count >= 5,
        let type = global(items[1]), let key = string(items[2])
      else { continue }
      widths[TensorName(key)] = TorchElement.storage(type).map { $0.bitWidth / 8 } ?? 1
    }
    return widths
  }
}
