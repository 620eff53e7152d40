import NetworkGraphs
import Platform
import TensorMath

/// The sum of two maps, one of which may be a residual branch that is left out at random.
final class SumGradient: LayerGradient {
  private let node: Int
  /// Input that is the branch; nil where stochastic depth does not apply.
  private let branch: Int?
  private let rate: Double

  /// - Parameters:
  ///   - node: Number of the sum in the graph, which its draws depend on.
  ///   - branch: Input that may be left out.
  ///   - rate: Probability that it is.
  init(node: Int, branch: Int?, rate: Double) {
    self.node = node
    self.branch = branch
    self.rate = rate
  }

  private func factor(_ input: Int, image: Int, _ pass: TuningPass) -> Float {
    guard input == branch, let draws = pass.dropPath else { return 1 }
    return draws.factor(rate: rate, node: node, image: image)
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let count = y.size.count
    pass.pool.forEach(y.images) { image, _ in
      let (a, b, target) = (x[0].image(image), x[1].image(image), y.image(image))
      let (p, q) = (factor(0, image: image, pass), factor(1, image: image, pass))
      for index in 0..<count { target[index] = p * a[index] + q * b[index] }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let count = y.size.count
    for (input, target) in dx.enumerated() {
      guard let target else { continue }
      pass.pool.forEach(y.images) { image, _ in
        let (to, from) = (target.image(image), dy.image(image))
        let scale = factor(input, image: image, pass)
        for index in 0..<count { to[index] += scale * from[index] }
      }
    }
  }
}

/// The product of two maps of one shape.
final class ProductGradient: LayerGradient {
  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    pass.pool.eachBlock(of: y.images * y.size.count, 1 << 14) { range, _ in
      for index in range { y.pointer[index] = x[0].pointer[index] * x[1].pointer[index] }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    for (input, target) in dx.enumerated() {
      guard let target else { continue }
      let other = x[1 - input].pointer
      pass.pool.eachBlock(of: y.images * y.size.count, 1 << 14) { range, _ in
        for index in range { target.pointer[index] += dy.pointer[index] * other[index] }
      }
    }
  }
}

/// A map times a factor of each image and channel: a squeeze-and-excitation gate.
final class GateGradient: LayerGradient {
  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let channels = y.channels
    pass.pool.forEach(y.images) { image, _ in
      let (from, gate, to) = (x[0].image(image), x[1].image(image), y.image(image))
      for pixel in 0..<y.size.pixels {
        for channel in 0..<channels {
          to[pixel * channels + channel] = from[pixel * channels + channel] * gate[channel]
        }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (channels, pixels) = (y.channels, y.size.pixels)
    pass.pool.forEach(y.images) { image, _ in
      let (from, gate, slope) = (x[0].image(image), x[1].image(image), dy.image(image))
      if let target = dx[0]?.image(image) {
        for pixel in 0..<pixels {
          let first = pixel * channels
          for channel in 0..<channels { target[first + channel] += slope[first + channel] * gate[channel] }
        }
      }
      if let target = dx[1]?.image(image) {
        for first in stride(from: 0, to: channels, by: ColumnSums.block) {
          ColumnSums.each(rows: pixels, first..<min(first + ColumnSums.block, channels)) {
            slope[$0 * channels + $1] * from[$0 * channels + $1]
          } _: {
            target[$0] += Float($1)
          }
        }
      }
    }
  }
}

/// Scale and shift of every channel, such as LayerScale.
final class AffineGradient: LayerGradient {
  /// Numbers that do not change, or a tensor of one element or one for each channel.
  enum Values {
    case constants([Float])
    case tensor(TrainableTensor)

    func at(_ channel: Int) -> Float {
      switch self {
      case .constants(let values): values.count == 1 ? values[0] : values[channel]
      case .tensor(let tensor): tensor.value.pointer[tensor.value.count == 1 ? 0 : channel]
      }
    }

    var gradient: Tensor? { if case .tensor(let tensor) = self { tensor.gradient } else { nil } }
  }

  private let scale: Values?
  private let shift: Values?

  init(scale: Values?, shift: Values?) {
    self.scale = scale
    self.shift = shift
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let channels = y.channels
    let factors = (0..<channels).map { scale?.at($0) ?? 1 }
    let summands = (0..<channels).map { shift?.at($0) ?? 0 }
    pass.pool.eachBlock(of: y.rows, 64) { rows, _ in
      for row in rows {
        for channel in 0..<channels {
          let at = row * channels + channel
          y.pointer[at] = x[0].pointer[at] * factors[channel] + summands[channel]
        }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (channels, source) = (y.channels, x[0].pointer)
    if let gradient = scale?.gradient {
      add(dy, to: gradient, pass) { dy.pointer[$0 * channels + $1] * source[$0 * channels + $1] }
    }
    if let gradient = shift?.gradient { add(dy, to: gradient, pass) { dy.pointer[$0 * channels + $1] } }
    guard let dx = dx[0] else { return }
    let factors = (0..<channels).map { scale?.at($0) ?? 1 }
    pass.pool.eachBlock(of: y.rows, 64) { rows, _ in
      for row in rows {
        for channel in 0..<channels {
          dx.pointer[row * channels + channel] += dy.pointer[row * channels + channel] * factors[channel]
        }
      }
    }
  }

  /// Adds the sums of the channels, or their sum where one number serves all.
  private func add(
    _ dy: FeatureMap, to gradient: Tensor, _ pass: TuningPass, _ term: (_ row: Int, _ channel: Int) -> Float
  ) {
    guard gradient.count == 1, dy.channels > 1 else {
      return ColumnSums.add(rows: dy.rows, channels: dy.channels, pass.pool, into: gradient.pointer, term)
    }
    let sums = Tensor(shape: [dy.channels])
    ColumnSums.add(rows: dy.rows, channels: dy.channels, pass.pool, into: sums.pointer, term)
    gradient.pointer[0] += Float(sums.values.reduce(0.0) { $0 + Double($1) })
  }
}
