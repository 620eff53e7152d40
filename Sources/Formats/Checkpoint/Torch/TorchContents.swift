/// Contents of a PyTorch file: the objects and where the storages lie.
struct TorchContents {
  static let pickleLimit = 1 << 28

  var graph: PickleGraph
  var root: PickleGraph.Reference
  var locations: [TensorName: TorchStorages.Location]

  /// The zip format: `<archive>/data.pkl` and one record per storage.
  init(zip file: InputFile) throws {
    let archive = try ZipArchive(file)
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
