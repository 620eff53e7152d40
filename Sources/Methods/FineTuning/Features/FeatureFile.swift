import CPlatform
import Checkpoint
import Platform

/// A file of features, of a cache or of one share of a data set.
///
/// It is plain safetensors: `features` [images, blocks, vectors, 8] in the layout of `FeatureMaps`, then `mean` and `m2`,
/// F64 [images, channels] with whole blocks of channels, then the owner's own tensors. The metadata hold a JSON object with
/// the owner's description, the extent, and a fingerprint of all data. The header fills whole pages, so that features are
/// computed and read in place. The file appears under its name only when it is complete.
struct FeatureFile {
  let path: String
  /// The owner's description.
  let description: [(String, JSON)]
  /// The owner's tensors.
  var others: [(name: TensorName, value: TensorValue)] = []

  /// Storage for features of `shape`, in a file that has neither header nor name yet.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  func reserve(_ shape: FeatureShape) throws -> FeatureStorage {
    var descriptor = ck_nameable_file(folder, 0o666)
    if descriptor < 0 { descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else {
      throw TuningError.cacheFailed(path: temporaryPath, reason: FeatureStorage.lastError())
    }
    do {
      // A fingerprint is as long as any other.
      let header = self.header(shape, fingerprint: ContentHash().hexadecimal)
      return try .reserve(
        descriptor, header: header.count,
        byteCount: others.reduce(shape.byteCount) { $0 + $1.value.bytes.count }, path: temporaryPath)
    } catch {
      discard()
      throw error
    }
  }

  /// Completes the file of `maps`, whose storage came from `reserve`, and gives it its name.
  ///
  /// - Throws: `TuningError.cacheFailed`.
  func save(_ maps: FeatureMaps) throws {
    let storage = maps.storage
    var place = maps.shape.byteCount
    for other in others {
      other.value.bytes.withUnsafeBytes { bytes in
        let target = UnsafeMutableRawBufferPointer(start: storage.base + place, count: bytes.count)
        target.copyMemory(from: bytes)
      }
      place += other.value.bytes.count
    }
    let header = self.header(maps.shape, fingerprint: fingerprint(of: maps))
    precondition(header.count == storage.header.count && place == storage.byteCount)
    storage.header.copyBytes(from: header)
    guard msync(storage.header.baseAddress!, header.count + storage.byteCount, MS_SYNC) == 0,
      ck_name_file(storage.descriptor, temporaryPath) == 0 || errno == EEXIST,
      rename(temporaryPath, path) == 0
    else {
      let reason = FeatureStorage.lastError()
      discard()
      throw TuningError.cacheFailed(path: path, reason: reason)
    }
  }

  /// Removes an unfinished file that needed a name from the start.
  func discard() { unlink(temporaryPath) }

  /// Place of the features in `source` if they can be read where they are; nil if not.
  func start(of shape: FeatureShape, in source: any CheckpointSource) -> Int? {
    guard let start = source.placement(of: "features")?.offset, start.isMultiple(of: FeatureStorage.pageSize)
    else { return nil }
    var place = start
    for tensor in shape.tensors {
      guard source.placement(of: tensor.name)?.offset == place else { return nil }
      place += tensor.byteCount
    }
    return start
  }

  /// Fingerprint of the features and of the owner's tensors.
  func fingerprint(of maps: FeatureMaps) -> String {
    var hash = ContentHash()
    for index in 0..<maps.shape.count {
      for section in maps.sections(of: index) { hash.add(UnsafeRawBufferPointer(section)) }
    }
    add(to: &hash)
    return hash.hexadecimal
  }

  /// Adds the owner's tensors to the fingerprint of the features.
  func add(to hash: inout ContentHash) {
    for other in others { other.value.bytes.withUnsafeBytes { hash.add($0) } }
  }

  private func header(_ shape: FeatureShape, fingerprint: String) -> [UInt8] {
    var metadata = Metadata()
    metadata[MetadataKey.features] =
      JSON.object(
        description + [
          ("positions", JSON(shape.positions)), ("channels", JSON(shape.channels)),
          ("residual", .bool(shape.hasResidual)), ("fingerprint", .string(fingerprint)),
        ]
      ).encoded()
    let tensors =
      shape.tensors
      + others.map { TensorSpec(name: $0.name, dtype: $0.value.dtype, shape: $0.value.shape) }
    return safetensorsHeader(tensors, metadata: metadata, alignment: FeatureStorage.pageSize)
  }

  private var temporaryPath: String { "\(path).\(getpid())" }

  private var folder: String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return String(Substring(path.utf8[...slash]))
  }
}

extension FeatureShape {
  /// The tensors of features of this shape in a file, in the order of `FeatureMaps`.
  var tensors: [TensorSpec] {
    [
      TensorSpec(
        name: "features", dtype: element.dtype, shape: [count, stride / Self.lanes, runs, Self.lanes]),
      TensorSpec(name: "mean", dtype: .f64, shape: [count, stride]),
      TensorSpec(name: "m2", dtype: .f64, shape: [count, stride]),
    ]
  }

  /// The extent that a file states; nil if its tensors are not of this extent.
  init?(_ file: StateFile) {
    guard let spec = file.source.spec("features"), spec.shape.count == 4,
      let element = FeatureElement.allCases.first(where: { $0.dtype == spec.dtype }),
      let positions = file.header["positions"]?.intValue,
      let channels = file.header["channels"]?.intValue,
      case .bool(let hasResidual)? = file.header["residual"],
      [max(1, spec.shape[0]), positions, channels].allSatisfy((1...1 << 40).contains)
    else { return nil }
    // The product is bounded factor by factor: a damaged header must not overflow.
    guard let area = spec.shape[0].multiplied(exactlyBy: positions),
      let product = area.multiplied(exactlyBy: channels), product <= 1 << 48,
      let map = positions.multiplied(exactlyBy: channels), map <= 1 << 48
    else { return nil }
    self.init(
      count: spec.shape[0], positions: positions, channels: channels, hasResidual: hasResidual,
      element: element)
    guard tensors.allSatisfy({ file.source.spec($0.name) == $0 }) else { return nil }
  }
}
