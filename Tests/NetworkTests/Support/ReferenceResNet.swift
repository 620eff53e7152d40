import Checkpoint

/// A residual network evaluated from the definitions, in float64 and channels first, as an independent reference.
struct ReferenceResNet {
  struct Map {
    var channels: Int
    var height: Int
    var width: Int
    /// [image][channel][y][x]
    var values: [[Double]]
  }

  let state: MemoryCheckpoint
  let usesBatchStatistics: Bool
  /// Name, mean and biased variance of every BatchNorm's input.
  private(set) var moments: [String: (mean: [Double], variance: [Double])] = [:]
  /// Input of the last residual block's last BatchNorm.
  private(set) var lastNormInput: Map?

  init(_ state: MemoryCheckpoint, usesBatchStatistics: Bool = false) {
    self.state = state
    self.usesBatchStatistics = usesBatchStatistics
  }

  /// Logits, image by image, of NHWC pixels.
  mutating func logits(_ pixels: [Float], images: Int, height: Int, width: Int) -> [Double] {
    let perImage = height * width * 3
    let input = Map(
      channels: 3, height: height, width: width,
      values: (0..<images).map { image in
        (0..<perImage).map { index in
          let (channel, position) = (index / (height * width), index % (height * width))
          return Double(pixels[image * perImage + position * 3 + channel])
        }
      })
    var x = relu(norm(convolution(input, "conv1", stride: 2, padding: 3), "bn1"))
    x = maxPool(x)
    var stage = 1
    while state.shape("layer\(stage).0.conv1.weight") != nil {
      var index = 0
      while state.shape("layer\(stage).\(index).conv1.weight") != nil {
        x = block(x, "layer\(stage).\(index)", stride: stage > 1 && index == 0 ? 2 : 1)
        index += 1
      }
      stage += 1
    }
    let weight = state.floats("fc.weight")
    let bias = state.floats("fc.bias")
    return x.values.flatMap { map in
      let pooled = (0..<x.channels).map { channel in
        let pixels = x.height * x.width
        return map[channel * pixels..<(channel + 1) * pixels].reduce(0, +) / Double(pixels)
      }
      return bias.indices.map { o in
        Double(bias[o]) + pooled.indices.reduce(0) { $0 + Double(weight[o * pooled.count + $1]) * pooled[$1] }
      }
    }
  }

  private mutating func block(_ x: Map, _ name: String, stride: Int) -> Map {
    var y: Map
    if state.shape(name + ".conv3.weight") != nil {
      y = relu(norm(convolution(x, name + ".conv1", stride: 1, padding: 0), name + ".bn1"))
      y = relu(norm(convolution(y, name + ".conv2", stride: stride, padding: 1), name + ".bn2"))
      lastNormInput = convolution(y, name + ".conv3", stride: 1, padding: 0)
      y = norm(lastNormInput!, name + ".bn3")
    } else {
      y = relu(norm(convolution(x, name + ".conv1", stride: stride, padding: 1), name + ".bn1"))
      lastNormInput = convolution(y, name + ".conv2", stride: 1, padding: 1)
      y = norm(lastNormInput!, name + ".bn2")
    }
    var shortcut = x
    if state.shape(name + ".downsample.0.weight") != nil {
      shortcut = norm(
        convolution(x, name + ".downsample.0", stride: stride, padding: 0), name + ".downsample.1")
    }
    for image in y.values.indices {
      for index in y.values[image].indices { y.values[image][index] += shortcut.values[image][index] }
    }
    return relu(y)
  }

  private func relu(_ x: Map) -> Map {
    var y = x
    y.values = x.values.map { $0.map { max($0, 0) } }
    return y
  }

  private mutating func norm(_ x: Map, _ name: String) -> Map {
    let pixels = x.height * x.width
    var mean = state.floats(name + ".running_mean").map(Double.init)
    var variance = state.floats(name + ".running_var").map(Double.init)
    if usesBatchStatistics {
      for c in 0..<x.channels {
        let all = x.values.flatMap { $0[c * pixels..<(c + 1) * pixels] }
        mean[c] = all.reduce(0, +) / Double(all.count)
        variance[c] = all.reduce(0) { $0 + ($1 - mean[c]) * ($1 - mean[c]) } / Double(all.count)
      }
      moments[name] = (mean, variance)
    }
    let weight = state.floats(name + ".weight")
    let bias = state.floats(name + ".bias")
    var y = x
    for image in x.values.indices {
      for index in x.values[image].indices {
        let c = index / pixels
        let normalised = (x.values[image][index] - mean[c]) / (variance[c] + 1e-5).squareRoot()
        y.values[image][index] = normalised * Double(weight[c]) + Double(bias[c])
      }
    }
    return y
  }

  private func convolution(_ x: Map, _ name: String, stride: Int, padding: Int) -> Map {
    let shape = state.shape(name + ".weight")!
    let weight = state.floats(name + ".weight")
    let (outputs, depth, kernel) = (shape[0], shape[1], shape[2])
    let height = (x.height + 2 * padding - kernel) / stride + 1
    let width = (x.width + 2 * padding - kernel) / stride + 1
    let outputsPerGroup = outputs / (x.channels / depth)
    let values = x.values.map { map -> [Double] in
      var y: [Double] = []
      y.reserveCapacity(outputs * height * width)
      for o in 0..<outputs {
        for oy in 0..<height {
          for ox in 0..<width {
            var sum = 0.0
            for c in 0..<depth {
              let channel = o / outputsPerGroup * depth + c
              for ky in 0..<kernel {
                let iy = oy * stride - padding + ky
                guard (0..<x.height).contains(iy) else { continue }
                for kx in 0..<kernel {
                  let ix = ox * stride - padding + kx
                  guard (0..<x.width).contains(ix) else { continue }
                  sum +=
                    Double(weight[((o * depth + c) * kernel + ky) * kernel + kx])
                    * map[(channel * x.height + iy) * x.width + ix]
                }
              }
            }
            y.append(sum)
          }
        }
      }
      return y
    }
    return Map(channels: outputs, height: height, width: width, values: values)
  }

  private func maxPool(_ x: Map) -> Map {
    let (height, width) = ((x.height - 1) / 2 + 1, (x.width - 1) / 2 + 1)
    let values = x.values.map { map -> [Double] in
      (0..<x.channels * height * width).map { index in
        let (c, oy, ox) = (index / (height * width), index / width % height, index % width)
        var largest = -Double.infinity
        for iy in max(2 * oy - 1, 0)...min(2 * oy + 1, x.height - 1) {
          for ix in max(2 * ox - 1, 0)...min(2 * ox + 1, x.width - 1) {
            largest = max(largest, map[(c * x.height + iy) * x.width + ix])
          }
        }
        return largest
      }
    }
    return Map(channels: x.channels, height: height, width: width, values: values)
  }
}
