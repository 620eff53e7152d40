/// The objects of a file of `torch.save`, or of a part of a file, and the data of its tensors.
///
/// For files that are not a state dict, but from which tensors are put together.
final class TorchObjects: Sendable {
  /// A tensor of the file.
  struct Tensor: Sendable {
    let dtype: DType
    let shape: [Int]
    let reader: TensorReader
    /// True if a checksum in the file covers its data.
    let isCovered: Bool
    /// Where its data stand in the file as they are read; nil when they are stored otherwise.
    let offset: Int?

    var elementCount: Int { shape.reduce(1, *) }
  }

  let graph: PickleGraph
  let root: PickleGraph.Reference
  let label: String
  private let storages: TorchStorages

  /// - Parameters:
  ///   - file: The file, zip or legacy.
  ///   - commentLimit: Longest comment at the end of a zip archive.
  /// - Throws: `CheckpointError.malformed`, or an error of reading.
  init(_ file: InputFile, commentLimit: Int = 65535) throws {
    label = file.label
    do {
      let contents: TorchContents
      switch try FileFormat(of: file) {
      case .torchZip: contents = try TorchContents(zip: file, commentLimit: commentLimit)
      case .torchLegacy: contents = try TorchContents(legacy: file)
      case .safetensors: throw PickleError(offset: 0, reason: "not a file of torch.save")
      }
      graph = contents.graph
      root = contents.root
      storages = TorchStorages(file, contents.locations)
    } catch let error as PickleError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let error as ZipError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    }
  }

  /// The tensor at a place in the graph.
  ///
  /// - Parameter name: Its name in errors.
  /// - Throws: `CheckpointError.malformed` for what is no tensor, or none of which the file has all data.
  func tensor(_ reference: PickleGraph.Reference, name: String) throws(CheckpointError) -> Tensor {
    let view: TorchTensor
    do {
      view = try graph.tensor(reference)
    } catch {
      throw .malformed(path: label, reason: "\(name) \(error.reason)")
    }
    guard storages.size(view.storage.key) == view.storage.byteCount else {
      throw .malformed(path: label, reason: "\(name) has a storage that is missing or of another size")
    }
    let width = view.dtype.bitWidth / 8
    let byteCount = view.shape.reduce(1, *) * width
    // An expanded view costs nothing in the file.
    guard byteCount <= view.storage.byteCount else {
      throw .malformed(path: label, reason: "\(name) repeats its storage to \(byteCount) bytes")
    }
    let isWhole = byteCount == view.storage.byteCount
    return Tensor(
      dtype: view.dtype, shape: view.shape,
      reader: { [storages] byteOffset, buffer in
        if buffer.isEmpty { return }
        if view.isContiguous {
          try storages.read(
            view.storage.key, at: view.offset * width + byteOffset, into: buffer, isWhole: isWhole)
        } else {
          try storages.withWhole(view.storage.key) { view.gather(from: $0, at: byteOffset, into: buffer) }
        }
        // There may be one such file for every tensor, and all of them stay open.
        if byteOffset + buffer.count == byteCount { storages.release(view.storage.key) }
      },
      isCovered: storages.hasChecksum(view.storage.key), offset: storages.place(of: view)?.offset)
  }
}
