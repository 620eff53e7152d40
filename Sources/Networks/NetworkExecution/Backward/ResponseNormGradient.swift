import NetworkGraphs
import Platform
import TensorMath

/// Global response normalization: y = x + b + w·x·g/m, where g is a channel's norm over all pixels and m the mean of g over
/// the channels, plus ε.
///
/// With A = Σ over pixels of dy·w·x, the derivative by a channel's g is A/m − mean(A·g)/m², and g's by x is x/g.
final class ResponseNormGradient: LayerGradient {
  private let norm: GlobalResponseNorm
  private let weight: TrainableTensor
  private let bias: TrainableTensor

  init(_ norm: GlobalResponseNorm, weight: TrainableTensor, bias: TrainableTensor) {
    self.norm = norm
    self.weight = weight
    self.bias = bias
  }

  /// g of every channel of an image, and m.
  private func norms(_ x: UnsafePointer<Float>, _ size: MapSize) -> (g: [Double], m: Double) {
    var squares = [Double](repeating: 0, count: size.channels)
    for pixel in 0..<size.pixels {
      for channel in 0..<size.channels {
        let value = Double(x[pixel * size.channels + channel])
        squares[channel] += value * value
      }
    }
    let g = squares.map { $0.squareRoot() }
    return (g, g.reduce(0, +) / Double(size.channels) + Double(norm.eps))
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let channels = y.channels
    pass.pool.forEach(y.images) { image, _ in
      let (from, to) = (x[0].image(image), y.image(image))
      let (g, m) = norms(from, y.size)
      let factors = (0..<channels).map { 1 + weight.value.pointer[$0] * Float(g[$0] / m) }
      for pixel in 0..<y.size.pixels {
        for channel in 0..<channels {
          let at = pixel * channels + channel
          to[at] = from[at] * factors[channel] + bias.value.pointer[channel]
        }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (channels, pixels) = (y.channels, y.size.pixels)
    // Of every image, so that the sums over the images have an order.
    let byWeight = Tensor(shape: [y.images, channels])
    pass.pool.forEach(y.images) { image, _ in
      let (from, slope) = (x[0].image(image), dy.image(image))
      let (g, m) = norms(from, y.size)
      var products = [Double](repeating: 0, count: channels)
      for pixel in 0..<pixels {
        for channel in 0..<channels {
          products[channel] +=
            Double(slope[pixel * channels + channel]) * Double(from[pixel * channels + channel])
        }
      }
      var mean = 0.0
      for channel in 0..<channels {
        byWeight.pointer[image * channels + channel] = Float(products[channel] * g[channel] / m)
        products[channel] *= Double(weight.value.pointer[channel])
        mean += products[channel] * g[channel]
      }
      mean /= Double(channels)
      guard let to = dx[0]?.image(image) else { return }
      for channel in 0..<channels {
        let factor = 1 + weight.value.pointer[channel] * Float(g[channel] / m)
        let byNorm = g[channel] > 0 ? Float((products[channel] / m - mean / (m * m)) / g[channel]) : 0
        for pixel in 0..<pixels {
          let at = pixel * channels + channel
          to[at] += slope[at] * factor + byNorm * from[at]
        }
      }
    }
    if let gradient = weight.gradient {
      ColumnSums.add(rows: y.images, channels: channels, pass.pool, into: gradient.pointer) {
        byWeight.pointer[$0 * channels + $1]
      }
    }
    if let gradient = bias.gradient {
      ColumnSums.add(rows: dy.rows, channels: channels, pass.pool, into: gradient.pointer) {
        dy.pointer[$0 * channels + $1]
      }
    }
  }
}
