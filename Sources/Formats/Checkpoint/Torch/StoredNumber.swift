/// A number that a training program has stored in a checkpoint next to the weights, such as timm's `metric`.
///
/// - Parameters:
///   - key: Its key at the top level of a PyTorch file, or in the metadata of safetensors.
///   - path: A file that can be read twice.
///   - temporaryFolder: Where a stream would be copied to.
/// - Returns: nil when nothing has this key, or what has it is no number.
/// - Throws: `CheckpointError`.
public func storedNumber(
  _ key: String, in path: String, temporaryFolder: String = "/tmp"
) throws -> Double? {
  let file = try InputFile.open(.path(path), temporaryFolder: temporaryFolder)
  do {
    let contents: TorchContents
    switch try FileFormat(of: file) {
    case .safetensors: return try SafetensorsFile(file).metadata[key].flatMap { Double($0) }
    case .torchZip: contents = try TorchContents(zip: file)
    case .torchLegacy: contents = try TorchContents(legacy: file)
    }
    guard let reference = contents.graph.member(key, of: contents.root) else { return nil }
    switch contents.graph[reference] {
    case .float(let value): return value
    case .integer(let value): return Double(value)
    default: return nil
    }
  } catch let error as PickleError {
    throw CheckpointError.malformed(path: path, reason: "\(error)")
  } catch let error as ZipError {
    throw CheckpointError.malformed(path: path, reason: "\(error)")
  } catch let error as TorchTensorError {
    throw CheckpointError.malformed(path: path, reason: error.reason)
  }
}
