import Checkpoint

/// One checkpoint of a series, by the names its model gives to the tensors.
///
/// What wrappers put before every name, `module.` of DataParallel and AveragedModel and `_orig_mod.` of compiled
/// models, is taken off, in any nesting.
public struct SeriesMember: Sendable {
  /// The open file.
  public let source: any CheckpointSource
  /// The tensors in the order of the file, without prefixes.
  public let tensors: [TensorSpec]
  /// What was taken off every name.
  public let prefix: String
  /// Number of models behind this one: `n_averaged` of PyTorch's AveragedModel, else 1.
  public let modelCount: Double

  private let byName: [TensorName: TensorSpec]

  /// - Parameter source: An open checkpoint.
  /// - Throws: `CheckpointError` when a count of averaged models cannot be read.
  public init(_ source: any CheckpointSource) throws {
    self.source = source
    let counter = source.tensors.first {
      $0.name == Self.counterName && !$0.dtype.isFloatingPoint && $0.elementCount == 1 && $0.dtype.isReal
    }
    let model = source.tensors.filter { $0.name != counter?.name }
    let prefix = Self.wrapperPrefix(model)
    if let counter, prefix.hasPrefix("module.") {
      modelCount = max(1, try source.value(counter.name).doubles()[0])
    } else {
      modelCount = 1
    }
    // Without the wrapper's prefix the counter belongs to the model itself.
    let kept = counter != nil && prefix.hasPrefix("module.") ? model : source.tensors
    self.prefix = kept.count == model.count ? prefix : Self.wrapperPrefix(kept)
    let length = self.prefix.utf8.count
    tensors = kept.map { tensor in
      var tensor = tensor
      tensor.name = TensorName(String(decoding: tensor.name.string.utf8.dropFirst(length), as: UTF8.self))
      return tensor
    }
    byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private static let counterName: TensorName = "n_averaged"

  private static func wrapperPrefix(_ tensors: [TensorSpec]) -> String {
    var prefix = ""
    while !tensors.isEmpty {
      guard
        let next = ["module.", "_orig_mod."].first(where: { wrapper in
          tensors.allSatisfy { $0.name.string.utf8.starts(with: (prefix + wrapper).utf8) }
        })
      else { break }
      prefix += next
    }
    return prefix
  }

  /// The file's name in diagnostics.
  public var label: String { source.label }

  /// The last component of the path, for the provenance.
  public var name: String {
    source.label.split(separator: "/").last.map(String.init) ?? source.label
  }

  /// Element type and shape of a tensor.
  public func spec(_ name: TensorName) -> TensorSpec? { byName[name] }

  /// The name of a tensor in the file.
  func storedName(_ name: TensorName) -> TensorName {
    prefix.isEmpty ? name : TensorName(prefix + name.string)
  }

  /// Size of the files that the checkpoint is stored in.
  public var byteCount: Int { source.files.reduce(0) { $0 + $1.length } }

  /// CRC-32 of these files, in hexadecimal; reads all of them.
  public func digest() throws -> String { try SourceDigest.of(self) }

  /// Reads the bytes of a tensor from `offset` on; thread safe.
  func read(_ name: TensorName, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try source.read(storedName(name), at: offset, into: buffer)
  }
}
