import Foundation

@testable import NetworkExecution
@testable import NetworkGraphs

/// Maps of some images in float64, `[image][pixel][channel]`.
struct ReferenceMap {
  var images: Int
  var size: MapSize
  var values: [Double]

  init(_ images: Int, _ size: MapSize, _ values: [Double]? = nil) {
    self.images = images
    self.size = size
    self.values = values ?? Array(repeating: 0, count: images * size.count)
  }

  func index(_ image: Int, _ row: Int, _ column: Int, _ channel: Int) -> Int {
    ((image * size.height + row) * size.width + column) * size.channels + channel
  }

  subscript(image: Int, row: Int, column: Int, channel: Int) -> Double {
    get { values[index(image, row, column, channel)] }
    set { values[index(image, row, column, channel)] = newValue }
  }

  /// The map with every element replaced, given its image and channel.
  func mapped(_ body: (_ value: Double, _ image: Int, _ channel: Int) -> Double) -> ReferenceMap {
    var result = self
    for at in values.indices { result.values[at] = body(values[at], at / size.count, at % size.channels) }
    return result
  }
}

/// Layers as their definitions say, without any thought of speed, to take differences of.
enum ReferenceLayers {
  /// - Parameter weight: `[output][input of a group][ky][kx]`.
  static func convolution(
    _ x: ReferenceMap, _ convolution: Convolution, _ output: MapSize, weight: [Double], bias: [Double]?
  ) -> ReferenceMap {
    let window = convolution.window
    let geometry = window.geometry(height: x.size.height, width: x.size.width)!
    let (inputs, outputs) = (
      convolution.inputChannels / convolution.groups, convolution.outputChannels / convolution.groups
    )
    var y = ReferenceMap(x.images, output)
    for image in 0..<x.images {
      for row in 0..<output.height {
        for column in 0..<output.width {
          for channel in 0..<output.channels {
            var sum = bias?[channel] ?? 0
            for ky in 0..<window.kernel.height {
              for kx in 0..<window.kernel.width {
                let top = row * window.stride.height - geometry.padTop + ky * window.dilation.height
                let left = column * window.stride.width - geometry.padLeft + kx * window.dilation.width
                guard top >= 0, top < x.size.height, left >= 0, left < x.size.width else { continue }
                for input in 0..<inputs {
                  let place =
                    ((channel * inputs + input) * window.kernel.height + ky) * window.kernel.width + kx
                  sum += weight[place] * x[image, top, left, channel / outputs * inputs + input]
                }
              }
            }
            y[image, row, column, channel] = sum
          }
        }
      }
    }
    return y
  }

  /// - Parameter statistics: mean and variance of each channel; nil for those of the batch.
  static func batchNorm(
    _ x: ReferenceMap, gamma: [Double], beta: [Double], eps: Double,
    statistics: (mean: [Double], variance: [Double])?
  ) -> ReferenceMap {
    let channels = x.size.channels
    var (mean, variance) =
      statistics ?? (
        Array(repeating: 0, count: channels), Array(repeating: 0, count: channels)
      )
    if statistics == nil {
      let count = Double(x.values.count / channels)
      for at in x.values.indices { mean[at % channels] += x.values[at] / count }
      for at in x.values.indices {
        variance[at % channels] += pow(x.values[at] - mean[at % channels], 2) / count
      }
    }
    return x.mapped { value, _, channel in
      gamma[channel] * (value - mean[channel]) / (variance[channel] + eps).squareRoot() + beta[channel]
    }
  }

  static func activation(_ activation: Activation, _ x: Double) -> Double {
    let logistic = { (x: Double) in 1 / (1 + exp(-x)) }
    switch activation {
    case .identity: return x
    case .relu: return max(x, 0)
    case .relu6: return min(max(x, 0), 6)
    case .sigmoid: return logistic(x)
    case .silu: return x * logistic(x)
    case .hardsigmoid: return min(max(x + 3, 0), 6) / 6
    case .hardswish: return x * min(max(x + 3, 0), 6) / 6
    case .gelu: return 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    case .geluTanh: return 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .quickGelu: return x * logistic(1.702 * x)
    }
  }

  /// The windows of a pooling layer: pixels of one image and the divisor of their mean.
  static func pool(
    _ x: ReferenceMap, _ output: MapSize, _ window: Window, _ reduce: ([Double]) -> Double
  ) -> ReferenceMap {
    let geometry = window.geometry(height: x.size.height, width: x.size.width)!
    var y = ReferenceMap(x.images, output)
    for image in 0..<x.images {
      for row in 0..<output.height {
        for column in 0..<output.width {
          for channel in 0..<output.channels {
            var values: [Double] = []
            for ky in 0..<window.kernel.height {
              for kx in 0..<window.kernel.width {
                let top = row * window.stride.height - geometry.padTop + ky
                let left = column * window.stride.width - geometry.padLeft + kx
                guard top >= 0, top < x.size.height, left >= 0, left < x.size.width else { continue }
                values.append(x[image, top, left, channel])
              }
            }
            y[image, row, column, channel] = reduce(values)
          }
        }
      }
    }
    return y
  }

  /// Rows of `channels / groups` numbers, normalized each on its own.
  static func layerNorm(
    _ x: ReferenceMap, groups: Int, eps: Double, keepsMean: Bool, weight: [Double], bias: [Double]
  ) -> ReferenceMap {
    let channels = x.size.channels / groups
    var y = x
    for row in 0..<x.values.count / channels {
      let values = x.values[row * channels..<(row + 1) * channels]
      let mean = keepsMean ? 0 : values.reduce(0, +) / Double(channels)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
      for (channel, value) in values.enumerated() {
        y.values[row * channels + channel] =
          (value - mean) / (variance + eps).squareRoot() * weight[channel] + bias[channel]
      }
    }
    return y
  }

  /// Attention of queries, keys and values, `[3][head][channel]`.
  static func attention(_ x: ReferenceMap, heads: Int) -> ReferenceMap {
    let channels = x.size.channels / 3
    let (width, tokens) = (channels / heads, x.size.pixels)
    var y = ReferenceMap(x.images, MapSize(height: x.size.height, width: x.size.width, channels: channels))
    for image in 0..<x.images {
      func value(_ token: Int, _ part: Int, _ head: Int, _ index: Int) -> Double {
        x.values[(image * tokens + token) * 3 * channels + part * channels + head * width + index]
      }
      for head in 0..<heads {
        for query in 0..<tokens {
          let scores = (0..<tokens).map { key in
            (0..<width).reduce(0.0) { $0 + value(query, 0, head, $1) * value(key, 1, head, $1) }
              / Double(width).squareRoot()
          }
          let weights = scores.map { exp($0 - scores.max()!) }
          let total = weights.reduce(0, +)
          for index in 0..<width {
            y.values[(image * tokens + query) * channels + head * width + index] =
              (0..<tokens).reduce(0.0) { $0 + weights[$1] / total * value($1, 2, head, index) }
          }
        }
      }
    }
    return y
  }

  static func responseNorm(_ x: ReferenceMap, weight: [Double], bias: [Double], eps: Double) -> ReferenceMap {
    let channels = x.size.channels
    var norms = [Double](repeating: 0, count: x.images * channels)
    for at in x.values.indices {
      norms[at / x.size.count * channels + at % channels] += x.values[at] * x.values[at]
    }
    norms = norms.map { $0.squareRoot() }
    return x.mapped { value, image, channel in
      let own = norms[image * channels..<(image + 1) * channels]
      let mean = own.reduce(0, +) / Double(channels) + eps
      return value + bias[channel] + weight[channel] * value * norms[image * channels + channel] / mean
    }
  }
}
