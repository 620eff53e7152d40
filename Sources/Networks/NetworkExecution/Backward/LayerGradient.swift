import CNetworkKernels
import NetworkGraphs
import Platform
import Statistics
import TensorMath

/// An operation of the tuned part: its forward rule, and beside it the gradient.
///
/// Maps are contiguous. A layer may keep what its backward pass needs from the forward pass before it; only one batch is
/// on its way at a time. All sums are taken in an order that depends on the shapes alone.
protocol LayerGradient: AnyObject {
  /// Computes `y` from the inputs `x`.
  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass)

  /// Adds the derivatives of the loss to those of the trained tensors and of the inputs.
  ///
  /// - Parameters:
  ///   - x: The inputs of the forward pass.
  ///   - y: Its result.
  ///   - dy: The derivative of the loss by `y`.
  ///   - dx: The derivatives by the inputs; nil for those that nothing before them needs.
  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass)

  /// Forgets everything that was made from the trained tensors, because they have changed.
  func weightsChanged()
}

extension LayerGradient {
  func weightsChanged() {}
}

/// Settings and resources of one forward pass of the tuned part and the backward pass after it.
struct TuningPass {
  /// Statistics that BatchNorm normalizes with.
  enum Normalization {
    case running
    /// Those of the batch; with a share, the running ones move toward them by the layer's momentum.
    case batch(movesRunning: Bool)
  }

  let pool: ThreadPool
  let buffers: BufferPool
  let kernels: ck_layer_kernels
  let normalization: Normalization
  /// Draws of the residual branches that are left out; nil outside of training.
  let dropPath: DropPath?

  /// A buffer of undefined contents for every thread.
  func scratch(_ floats: Int) -> [BufferPool.Lease] {
    (0..<pool.threadCount).map { _ in buffers.lease(floats) }
  }
}

extension ThreadPool {
  /// Runs `body` on consecutive blocks of `length`, the last of which may be shorter, that cover `0..<count`.
  func eachBlock(of count: Int, _ length: Int, _ body: (_ block: Range<Int>, _ worker: Int) -> Void) {
    forEach((count + length - 1) / length) { index, worker in
      body(index * length..<min(count, (index + 1) * length), worker)
    }
  }
}

/// Sums over the rows of a map, channel by channel.
enum ColumnSums {
  /// Channels that one thread sums at a time.
  static let block = 64
  private static let rowsAtOnce = 64

  /// Adds, for every channel c, the sum over all rows of `term(row, c)` to `target[c]`.
  ///
  /// 64 rows at a time are summed in float32, these sums in float64. A part of every caller, so that its term becomes
  /// vector instructions: pointers in it should be constants.
  @inline(__always)
  static func add(
    rows: Int, channels: Int, _ pool: ThreadPool, into target: UnsafeMutablePointer<Float>,
    _ term: (_ row: Int, _ channel: Int) -> Float
  ) {
    pool.eachBlock(of: channels, block) { range, _ in
      each(rows: rows, range, term) { channel, sum in target[channel] += Float(sum) }
    }
  }

  /// Passes `use` the sums of the channels of `range`, a block at most.
  @inline(__always)
  static func each(
    rows: Int, _ range: Range<Int>, _ term: (_ row: Int, _ channel: Int) -> Float,
    _ use: (_ channel: Int, _ sum: Double) -> Void
  ) {
    eachRow(rows: rows, range) { row, sums in
      for channel in range { sums[channel - range.lowerBound] += term(row, channel) }
    } _: {
      use($0, $1)
    }
  }

  /// Passes `use` the sums of the channels of `range`, a block at most, to which `addRow` adds a row at a time.
  @inline(__always)
  static func eachRow(
    rows: Int, _ range: Range<Int>, _ addRow: (_ row: Int, _ sums: UnsafeMutablePointer<Float>) -> Void,
    _ use: (_ channel: Int, _ sum: Double) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { part in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: block) { total in
        total.initialize(repeating: 0)
        for first in stride(from: 0, to: rows, by: rowsAtOnce) {
          part.initialize(repeating: 0)
          for row in first..<min(first + rowsAtOnce, rows) { addRow(row, part.baseAddress!) }
          for index in 0..<range.count { total[index] += Double(part[index]) }
        }
        for channel in range { use(channel, total[channel - range.lowerBound]) }
      }
    }
  }
}

extension FeatureMap {
  /// Pixels of all images.
  var rows: Int { images * size.pixels }
  var channels: Int { size.channels }

  /// Adds another map of the same size.
  func add(_ other: FeatureMap, _ pool: ThreadPool) {
    let (target, source) = (pointer, other.pointer)
    pool.eachBlock(of: images * size.count, 1 << 14) { range, _ in
      for index in range { target[index] += source[index] }
    }
  }
}
