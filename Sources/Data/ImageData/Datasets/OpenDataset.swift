/// Opens the data set that a command-line argument names.
///
/// - A folder is an image folder: `root/class/…/*.jpg`, or images alone, which are then unlabelled.
/// - A tar archive is a WebDataset shard; `-` is one that comes from standard input.
/// - `.tsv` is a list of `path<TAB>label`.
/// - IDX files (also gzipped), CIFAR's binary files, `.npy` arrays and tensors of safetensors and PyTorch files hold
///   pixels.
///
/// Braces name several files, which are taken one after the other: `train-{000..146}.tar`.
/// - Throws: `ImageDataError`.
public func openDataset(
  _ argument: String, options: DatasetOptions = DatasetOptions()
) throws(ImageDataError) -> any ImageDataset {
  let whole = try openWhole(argument, options: options)
  let limited: any ImageDataset = options.limit.map { SubsetDataset(whole, first: $0) } ?? whole
  guard let sample = options.sample else { return limited }
  return SubsetDataset(limited, sample: sample, seed: options.seed)
}

private func openWhole(
  _ argument: String, options: DatasetOptions
) throws(ImageDataError) -> any ImageDataset {
  if argument == "-" {
    let archive = try RandomAccessBytes(spooling: 0, path: "<stdin>")
    return try TarDataset(archive, decoding: options.decoding)
  }
  // A file of that very name comes before what the braces mean.
  if argument.contains("{"), (try? FileKind(path: argument)) == nil {
    guard let paths = expandBraces(argument) else {
      throw .badDataset(path: argument, reason: "the braces name too many files")
    }
    if paths.count > 1 || paths[0] != argument {
      var shards: [any ImageDataset] = []
      for path in paths { shards.append(try openOne(path, options: options)) }
      return try ShardedDataset(shards, name: argument)
    }
  }
  return try openOne(argument, options: options)
}

private func openOne(_ path: String, options: DatasetOptions) throws(ImageDataError) -> any ImageDataset {
  switch try FileKind(path: path) {
  case .folder: return try ImageFolder(path, options: options)
  case .other: throw .unknownDataset(path: path, found: "neither a file nor a folder")
  case .file: break
  }
  let file = try RandomAccessBytes(path: path)
  let start = try file.read(at: 0, count: min(512, file.count))
  // By content where the format has a mark, by name where it has none.
  if start.starts(with: [0x93] + Array("NUMPY".utf8)) { return try NumPy.open(path) }
  if start.starts(with: [0, 0, 8])
    || start.starts(with: [0x1f, 0x8b]) && !path.contains(".tar") && !path.hasSuffix(".tgz")
  {
    return try IDX.open(path)
  }
  if path.hasSuffix(".tsv") { return try ListDataset(path, decoding: options.decoding) }
  if path.hasSuffix(".bin") { return try CIFAR.open(file) }
  if path.hasSuffix(".tar") || start.count == 512 && start[257..<262].elementsEqual("ustar".utf8) {
    return try TarDataset(file, decoding: options.decoding)
  }
  if isTensorFile(start, path: path) { return try TensorFile.open(path) }
  throw .unknownDataset(
    path: path, found: start.starts(with: [0x1f, 0x8b]) ? "a compressed tar archive" : "another file")
}

/// A safetensors file has no mark, but a header that is a JSON object after eight bytes; PyTorch's are zip archives.
private func isTensorFile(_ start: [UInt8], path: String) -> Bool {
  if [".safetensors", ".pt", ".pth"].contains(where: path.hasSuffix) { return true }
  return start.count > 8 && start[8] == UInt8(ascii: "{") || start.starts(with: Array("PK\u{3}\u{4}".utf8))
}
