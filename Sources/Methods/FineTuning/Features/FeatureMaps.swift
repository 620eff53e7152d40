import NetworkGraphs
import Platform
import TensorMath

/// Outputs of the frozen backbone for a set of images, which every epoch of tuning reads instead of the
/// images.
///
/// Each image has a map of positions × channels (the last BatchNorm's input), and a second one of the same
/// size where a residual is added after that BatchNorm. Pooled features are maps of one position.
///
/// In memory an image's channels are grouped into blocks of eight: for every block first the positions of the
/// map, then those of the residual, so that one pass over an image is sequential and keeps its sums in
/// registers. The last block is padded with zeros. After all images follow the means of each image and
/// channel over its positions and the sums of squared deviations from them, in float64. Different images may
/// be stored from different threads.
public final class FeatureMaps: @unchecked Sendable {
  /// Extent and storage.
  public let shape: FeatureShape
  let storage: FeatureStorage

  private var mean: UnsafeMutablePointer<Double> {
    (storage.base + shape.count * shape.imageByteCount).assumingMemoryBound(to: Double.self)
  }
  private var m2: UnsafeMutablePointer<Double> { mean + shape.count * shape.stride }

  /// Features of `shape` in `storage`: its contents, or zeros where it is new.
  public init(_ shape: FeatureShape, storage: FeatureStorage) {
    precondition(storage.byteCount >= shape.byteCount)
    self.shape = shape
    self.storage = storage
  }

  /// Features in memory, all zeros.
  ///
  /// - Throws: `TuningError.outOfMemory`.
  public convenience init(_ shape: FeatureShape) throws {
    self.init(shape, storage: try .memory(byteCount: shape.byteCount))
  }

  // MARK: Storing

  /// Stores image `index`.
  ///
  /// - Parameters:
  ///   - index: the image's number, counted from 0.
  ///   - map: [positions, channels], channels last.
  ///   - residual: the same shape; given exactly if the shape has one.
  /// - Throws: `TuningError.featureOverflow` for a value too large for the element type.
  public func store(_ index: Int, map: UnsafePointer<Float>, residual: UnsafePointer<Float>?) throws {
    switch shape.element {
    case .f32: try store(Float32Lanes.self, index, map, residual)
    case .f16: try store(Float16Lanes.self, index, map, residual)
    case .bf16: try store(BFloat16Lanes.self, index, map, residual)
    }
  }

  private func store<Stored: StoredLanes>(
    _ stored: Stored.Type, _ index: Int, _ map: UnsafePointer<Float>, _ residual: UnsafePointer<Float>?
  ) throws {
    precondition(index >= 0 && index < shape.count && (residual != nil) == shape.hasResidual)
    for first in Swift.stride(from: 0, to: shape.channels, by: FeatureShape.lanes) {
      let width = min(FeatureShape.lanes, shape.channels - first)
      let block = blocks(Stored.self, of: index) + first / FeatureShape.lanes * shape.runs
      for run in 0..<shape.runs {
        let source = run < shape.positions ? map : residual! - shape.positions * shape.channels
        var values = SIMD8<Float>.zero
        for lane in 0..<width { values[lane] = source[run * shape.channels + first + lane] }
        guard let encoded = Stored.encode(values) else {
          throw TuningError.featureOverflow(image: index, element: shape.element)
        }
        block[run] = encoded
      }
      storeMoments(block, at: index * shape.stride + first)
    }
  }

  /// Copies image `index`, whose channels must be one block, to [positions, channels] floats.
  func load(_ index: Int, into target: UnsafeMutablePointer<Float>) {
    switch shape.element {
    case .f32: load(Float32Lanes.self, index, target)
    case .f16: load(Float16Lanes.self, index, target)
    case .bf16: load(BFloat16Lanes.self, index, target)
    }
  }

  private func load<Stored: StoredLanes>(
    _ stored: Stored.Type, _ index: Int, _ target: UnsafeMutablePointer<Float>
  ) {
    precondition(shape.channels == FeatureShape.lanes && !shape.hasResidual, "maps of several blocks")
    let block = blocks(Stored.self, of: index)
    for position in 0..<shape.positions {
      let values = block[position].decoded
      for lane in 0..<FeatureShape.lanes { target[position * FeatureShape.lanes + lane] = values[lane] }
    }
  }

  /// Moments of the values as stored, so that normalized batches have mean 0 and variance 1 in any storage
  /// format.
  func storeMoments<Stored: StoredLanes>(_ block: UnsafePointer<Stored>, at offset: Int) {
    var sum = SIMD8<Double>.zero
    for position in 0..<shape.positions { sum += SIMD8<Double>(block[position].decoded) }
    let average = sum / Double(shape.positions)
    var squares = SIMD8<Double>.zero
    for position in 0..<shape.positions {
      let deviation = SIMD8<Double>(block[position].decoded) - average
      squares += deviation * deviation
    }
    for lane in 0..<FeatureShape.lanes {
      mean[offset + lane] = average[lane]
      m2[offset + lane] = squares[lane]
    }
  }

  // MARK: Reading

  /// The blocks of image `index`: per block the positions of the map, then those of the residual.
  func blocks<Stored: StoredLanes>(
    _ stored: Stored.Type, of index: Int
  ) -> UnsafeMutablePointer<Stored> {
    precondition(index >= 0 && index < shape.count)
    return (storage.base + index * shape.imageByteCount).assumingMemoryBound(to: Stored.self)
  }

  /// Mean and biased variance over all positions of the images in `rows`, per channel, in float64.
  ///
  /// Combined from the images' own moments: the deviations within images plus those of their means (Chan,
  /// Golub and LeVeque 1979, for groups of one size).
  func moments(of rows: ArraySlice<Int>, pool: ThreadPool) -> (mean: [Double], variance: [Double]) {
    var means = [Double](repeating: 0, count: shape.channels)
    var variances = means
    means.withUnsafeMutableBufferPointer { means in
      variances.withUnsafeMutableBufferPointer { variances in
        pool.forEachRange(of: shape.channels, length: 256) { range in
          for channel in range {
            (means[channel], variances[channel]) = moments(of: rows, channel: channel)
          }
        }
      }
    }
    return (means, variances)
  }

  private func moments(of rows: ArraySlice<Int>, channel: Int) -> (mean: Double, variance: Double) {
    let (stride, images) = (shape.stride, Double(rows.count))
    var sum = 0.0
    for row in rows { sum += mean[row * stride + channel] }
    let average = sum / images
    var within = 0.0
    var between = 0.0
    for row in rows {
      within += m2[row * stride + channel]
      let deviation = mean[row * stride + channel] - average
      between += deviation * deviation
    }
    return (average, (within / Double(shape.positions) + between) / images)
  }
}

extension FeatureMaps {
  /// Fills this with mixtures of images of `source`: image i is `weight` times row i plus the rest times row
  /// i − 1; the first one's partner is the last.
  ///
  /// Maps and residuals are mixed alike, in float32, as in "Manifold Mixup" (Verma et al. 2019).
  /// - Precondition: This is float32, of the shape of `source`, with room for `rows`.
  func store(mixing source: FeatureMaps, _ rows: ArraySlice<Int>, weight: Float, pool: ThreadPool) {
    var expected = source.shape
    (expected.count, expected.element) = (shape.count, .f32)
    precondition(shape == expected && rows.count <= shape.count)
    switch source.shape.element {
    case .f32: mix(Float32Lanes.self, source, rows, weight, pool)
    case .f16: mix(Float16Lanes.self, source, rows, weight, pool)
    case .bf16: mix(BFloat16Lanes.self, source, rows, weight, pool)
    }
  }

  private func mix<Stored: StoredLanes>(
    _ stored: Stored.Type, _ source: FeatureMaps, _ rows: ArraySlice<Int>, _ weight: Float, _ pool: ThreadPool
  ) {
    let rows = Array(rows)
    pool.forEach(rows.count) { index, _ in
      let own = source.blocks(stored, of: rows[index])
      let partner = source.blocks(stored, of: rows[index > 0 ? index - 1 : rows.count - 1])
      let target = blocks(Float32Lanes.self, of: index)
      for block in 0..<shape.stride / FeatureShape.lanes {
        let first = block * shape.runs
        for run in first..<first + shape.runs {
          target[run] = Float32Lanes(decoded: own[run].decoded * weight + partner[run].decoded * (1 - weight))
        }
        storeMoments(target + first, at: index * shape.stride + block * FeatureShape.lanes)
      }
    }
  }
}

extension FeatureMaps {
  /// Writes the pooled features of every image into `target` from image `first` on: maps of one position,
  /// which suffice to train the classifier alone.
  ///
  /// - Parameters:
  ///   - target: receives the pooled features, a map of one position per image.
  ///   - first: index in `target` of the first image.
  ///   - activation: activation between BatchNorm and pooling.
  ///   - batchNorm: applied first, with its running statistics; nil if there is none.
  ///   - pool: runs the arithmetic.
  public func storePooled(
    into target: FeatureMaps, at first: Int, activation: Activation, batchNorm: BatchNormParameters?,
    pool: ThreadPool
  ) throws {
    let affine = TailNormalization(batchNorm, channels: shape.channels, stride: shape.stride)
    let stride = shape.stride
    let scratch = Tensor(shape: [pool.threadCount, 3, stride])
    try pool.forEach(shape.count) { index, worker in
      let offset = worker * 3 * stride
      TailKernel.run(
        activation, self, image: index, affine: affine,
        into: PooledOutputs(
          value: scratch.vectors(at: offset), byBeta: scratch.vectors(at: offset + stride),
          byGamma: scratch.vectors(at: offset + 2 * stride)))
      try target.store(first + index, map: scratch.pointer + offset, residual: nil)
    }
  }
}

/// Some images of a set of features.
struct FeatureRows {
  let maps: FeatureMaps
  /// Indices of the images in `maps`.
  let rows: ArraySlice<Int>

  var count: Int { rows.count }
  var valuesPerChannel: Int { rows.count * maps.shape.positions }
}

extension ThreadPool {
  /// Runs `body` on consecutive ranges of `length` (the last may be shorter) that cover `0..<count`.
  ///
  /// The division depends on `count` and `length` alone, so results do not depend on the number of threads.
  func forEachRange(of count: Int, length: Int, _ body: (Range<Int>) -> Void) {
    forEach((count + length - 1) / length) { index, _ in
      body(index * length..<min(count, (index + 1) * length))
    }
  }
}
