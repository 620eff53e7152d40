import NetworkExecution
import Platform
import TensorMath

/// Fills a feature cache, batch by batch, with the outputs of a network's frozen backbone.
///
/// ```swift
/// let collector = try FeatureCollector(tail, count: dataset.count, pool: pool)
/// var labels: [Int] = []
/// while let batch = try loader.next() {
///   try collector.add(batch.views[0])
///   labels += batch.labels
/// }
/// let train = LabelledFeatures(features: collector.finish(), labels: labels)
/// ```
public final class FeatureCollector {
  private let tail: TunableTail
  private let count: Int
  private let element: FeatureElement
  private let makeStorage: (FeatureShape) throws -> FeatureStorage
  private let frozen: BatchNormParameters?
  private let pool: ThreadPool
  private var maps: FeatureMaps?
  private var filled = 0

  /// - Parameters:
  ///   - tail: decides between maps and pooled features.
  ///   - count: number of images to come.
  ///   - element: storage format of the features.
  ///   - pool: runs the arithmetic.
  ///   - makeStorage: allocates the memory when the first batch has shown the shape.
  public init(
    _ tail: TunableTail, count: Int, element: FeatureElement = .f32, pool: ThreadPool,
    storage makeStorage: @escaping (FeatureShape) throws -> FeatureStorage = {
      try .memory(byteCount: $0.byteCount)
    }
  ) throws {
    self.tail = tail
    self.count = count
    self.element = element
    self.pool = pool
    self.makeStorage = makeStorage
    frozen = try tail.frozenBatchNorm()
  }

  /// Runs the backbone on the next images, [n, h, w, channels].
  ///
  /// - Throws: `TuningError` for images of another size than the first batch's and for features that do not
  ///   fit.
  public func add(_ images: Tensor) throws {
    if let cut = tail.cut { return try add(cut: tail.network.maps(at: cut, of: images)) }
    let features =
      tail.includesLayerNorm
      ? try tail.network.normalizedTailInputs(images) : try tail.network.tailInputs(images)
    let (n, height, width, channels) = (
      features.input.shape[0], features.input.shape[1], features.input.shape[2], features.input.shape[3]
    )
    let shape = FeatureShape(
      count: n, positions: height * width, channels: channels, hasResidual: features.residual != nil)
    if let activation = tail.frozenActivation, !tail.includesBatchNorm {
      let batch = try FeatureMaps(shape)
      try fill(batch, from: features, at: 0)
      let target = try target(
        FeatureShape(count: count, positions: 1, channels: channels, hasResidual: false, element: element))
      try batch.storePooled(
        into: target, at: filled, activation: activation, batchNorm: frozen, pool: pool)
    } else {
      var whole = shape
      whole.count = count
      whole.element = element
      try fill(try target(whole), from: features, at: filled)
    }
    filled += n
  }

  /// Stores the maps at a cut, [n, floats], as they are: a single block of channels keeps their order.
  private func add(cut maps: Tensor) throws {
    let (images, floats) = (maps.shape[0], maps.shape[1])
    let target = try target(
      FeatureShape(
        count: count, positions: floats / FeatureShape.lanes, channels: FeatureShape.lanes,
        hasResidual: false,
        element: element))
    try pool.forEach(images) { row, _ in
      try target.store(filled + row, map: maps.pointer + row * floats, residual: nil)
    }
    filled += images
  }

  /// The features, after all images have been added.
  public func finish() -> FeatureMaps {
    guard let maps, filled == count else { preconditionFailure("\(filled) of \(count) images") }
    return maps
  }

  private func target(_ shape: FeatureShape) throws -> FeatureMaps {
    if let maps {
      guard maps.shape == shape else {
        throw TuningError.shapeMismatch(
          what: "features", expected: [maps.shape.positions, maps.shape.channels],
          found: [shape.positions, shape.channels])
      }
      return maps
    }
    let made = FeatureMaps(shape, storage: try makeStorage(shape))
    maps = made
    return made
  }

  private func fill(_ target: FeatureMaps, from features: TailFeatures, at first: Int) throws {
    let length = target.shape.positions * target.shape.channels
    try pool.forEach(features.input.shape[0]) { row, _ in
      try target.store(
        first + row, map: features.input.pointer + row * length,
        residual: features.residual.map { $0.pointer + row * length })
    }
  }
}
