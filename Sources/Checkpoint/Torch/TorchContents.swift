/// What a PyTorch file holds: the objects and where the storages lie.
struct TorchContents {
  static let pickleLimit = 1 << 28

  var graph: PickleGraph
  var root: PickleGraph.Reference
  var locations: [TensorName: TorchStorages.Location]

  /// The zip format: `<archive>/data.pkl` and one record per storage.
  init(zip file: InputFile) throws {
    let archive = try ZipArchive(file)
    let suffix = "/data.pkl"
    let pickles = archive.records.values.filter {
      $0.name.string.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
    // TorchScript archives hold further pickles, in folders of their own.
    guard let pickle = pickles.min(by: { $0.name.string.utf8.count < $1.name.string.utf8.count }) else {
      throw ZipError("no data.pkl: not a file of torch.save")
    }
    let folder = String(pickle.name.string.dropLast(suffix.count))
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
    for record in archive.records.values where record.name.string.utf8.starts(with: prefix.utf8) {
      locations[TensorName(String(record.name.string.dropFirst(prefix.count)))] = .init(
        offset: record.dataOffset, storedSize: record.storedSize, size: record.size,
        isDeflated: record.isDeflated, crc: record.crc)
    }
  }
}
