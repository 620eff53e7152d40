/// Contents of a PyTorch file: the objects and where the storages lie.
struct TorchContents {
  static let pickleLimit = 1 << 28

  var graph: PickleGraph
  var root: PickleGraph.Reference
  var locations: [TensorName: TorchStorages.Location]

  /// The zip format: `<archive>/data.pkl` and one record per storage.
  init(zip file: InputFile, commentLimit: Int = 65535) throws {
    let archive = try ZipArchive(file, commentLimit: commentLimit)
    let suffix = "/data.pkl"
    let pickles = archive.sortedRecords.filter {
      $0.name.string.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
    // TorchScript archives hold further pickles, in folders of their own.
    guard let shortest = pickles.map(\.name.string.utf8.count).min() else {
      throw ZipError("no data.pkl: not a file of torch.save")
    }
    let outermost = pickles.filter { $0.name.string.utf8.count == shortest }
    guard let pickle = outermost.first, outermost.count == 1 else {
      throw ZipError(
        "two pickles, \"\(outermost[0].name)\" and \"\(outermost[1].name)\": not a file of torch.save")
    }
    let folder = String(decoding: pickle.name.string.utf8.dropLast(suffix.utf8.count), as: UTF8.self)
    guard archive.records[TensorName("\(folder)/constants.pkl")] == nil else {
      throw ZipError("is a TorchScript program, not a checkpoint")
    }
    if let order = archive.records[TensorName("\(folder)/byteorder")] {
      let text = try ZipArchive.contents(of: order, in: file, limit: 64)
      guard text == Array("little".utf8) else {
        throw ZipError(
          "byte order is \"\(escapedForDiagnostics(String(decoding: text, as: UTF8.self)))\", not little")
      }
    }
    var interpreter = PickleInterpreter(
      try ZipArchive.contents(of: pickle, in: file, limit: Self.pickleLimit))
    root = try interpreter.run()
    guard interpreter.reader.position == interpreter.reader.bytes.count else {
      throw interpreter.reader.fail("something follows the object")
    }
    graph = interpreter.graph
    let prefix = "\(folder)/data/"
    locations = [:]
    for record in archive.sortedRecords where record.name.string.utf8.starts(with: prefix.utf8) {
      let key = String(decoding: record.name.string.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
      locations[TensorName(key)] = .init(
        offset: record.dataOffset, storedSize: record.storedSize, size: record.size,
        isDeflated: record.isDeflated, crc: record.crc)
    }
  }
}

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
