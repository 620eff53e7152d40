import NetworkGraphs
import Platform
import TensorMath

/// A fully connected layer on a flattened map.
final class LinearGradient: LayerGradient {
  private let linear: Linear
  private let weight: TrainableTensor
  private let bias: TrainableTensor?
  /// Number of outputs, which a new classifier may change.
  private let outputs: Int
  private let isTransposed: Bool
  /// The input as PyTorch flattens it, channels outermost; nil for maps of one pixel, where both orders are the same.
  private var flattened: Tensor?

  private static let block = 128

  /// - Parameters:
  ///   - weight: `[output][channel][y][x]`, or with the inputs outermost.
  ///   - isTransposed: True if the inputs are outermost.
  init(_ linear: Linear, weight: TrainableTensor, bias: TrainableTensor?, outputs: Int, isTransposed: Bool) {
    self.linear = linear
    self.weight = weight
    self.bias = bias
    self.outputs = outputs
    self.isTransposed = isTransposed
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let (rows, inputs) = (y.images, linear.inputs)
    flattened = x[0].size.pixels > 1 ? Self.flatten(x[0], pass.pool) : nil
    let source = flattened?.pointer ?? x[0].pointer
    pass.pool.eachBlock(of: outputs, Self.block) { range, _ in
      GEMM.multiply(
        m: rows, n: range.count, k: inputs, a: source, lda: inputs,
        b: weight.value.pointer + range.lowerBound * (isTransposed ? 1 : inputs),
        ldb: isTransposed ? outputs : inputs, transposeB: !isTransposed, c: y.pointer + range.lowerBound,
        ldc: outputs)
      guard let bias = bias?.value.pointer else { return }
      for row in 0..<rows {
        for output in range { y.pointer[row * outputs + output] += bias[output] }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (rows, inputs) = (dy.images, linear.inputs)
    let source = flattened?.pointer ?? x[0].pointer
    if let gradient = weight.gradient {
      let (count, other) = isTransposed ? (inputs, outputs) : (outputs, inputs)
      let (a, b) = isTransposed ? (source, dy.pointer) : (dy.pointer, source)
      pass.pool.eachBlock(of: count, Self.block) { range, _ in
        GEMM.multiply(
          m: range.count, n: other, k: rows, a: a + range.lowerBound, lda: count, transposeA: true, b: b,
          ldb: other, c: gradient.pointer + range.lowerBound * other, ldc: other, beta: 1)
      }
    }
    if let gradient = bias?.gradient {
      ColumnSums.add(rows: rows, channels: outputs, pass.pool, into: gradient.pointer) {
        dy.pointer[$0 * self.outputs + $1]
      }
    }
    guard let dx = dx[0] else { return }
    let isFlat = dx.size.pixels == 1
    let target = isFlat ? nil : Tensor(uninitialized: [rows, inputs])
    pass.pool.eachBlock(of: inputs, 4 * Self.block) { range, _ in
      GEMM.multiply(
        m: rows, n: range.count, k: outputs, a: dy.pointer, lda: outputs,
        b: weight.value.pointer + range.lowerBound * (isTransposed ? outputs : 1),
        ldb: isTransposed ? outputs : inputs, transposeB: isTransposed,
        c: (target?.pointer ?? dx.pointer) + range.lowerBound, ldc: inputs, beta: isFlat ? 1 : 0)
    }
    guard let target else { return }
    let (pixels, channels) = (dx.size.pixels, dx.channels)
    pass.pool.forEach(rows) { image, _ in
      let (to, from) = (dx.image(image), target.pointer + image * inputs)
      for pixel in 0..<pixels {
        for channel in 0..<channels { to[pixel * channels + channel] += from[channel * pixels + pixel] }
      }
    }
  }

  private static func flatten(_ map: FeatureMap, _ pool: ThreadPool) -> Tensor {
    let (pixels, channels) = (map.size.pixels, map.channels)
    let result = Tensor(uninitialized: [map.images, pixels * channels])
    pool.forEach(map.images) { image, _ in
      let (from, to) = (map.image(image), result.pointer + image * pixels * channels)
      for pixel in 0..<pixels {
        for channel in 0..<channels { to[channel * pixels + pixel] = from[pixel * channels + channel] }
      }
    }
    return result
  }
}
