import Glibc
import TensorMath

/// Layers that imported networks have besides; they are rare or small, so clarity counts.
extension Executor {
  /// x * scale + shift, per channel.
  func affine(_ step: Step, into output: FeatureMap) {
    let values = network.parameters.factors[step.node]!
    apply(
      Pointwise(scale: values.scale, shift: values.shift), maps[step.inputs[0]]!, residual: nil, into: output)
  }

  /// Calls `body` with the inputs' and the output's first element and the number of elements, image by image.
  private func eachImage(
    _ step: Step, _ output: FeatureMap,
    _ body: (_ inputs: [UnsafeMutablePointer<Float>], _ output: UnsafeMutablePointer<Float>) -> Void
  ) {
    let inputs = step.inputs.map { maps[$0]! }
    pool.forEach(images) { image, _ in body(inputs.map { $0.image(image) }, output.image(image)) }
  }

  func multiplyMaps(_ step: Step, into output: FeatureMap) {
    let count = output.size.count
    eachImage(step, output) { inputs, y in
      let (a, b) = (inputs[0], inputs[1])
      for index in 0..<count { y[index] = a[index] * b[index] }
    }
  }

  func mask(_ step: Step, into output: FeatureMap) {
    let size = output.size
    eachImage(step, output) { inputs, y in
      for pixel in 0..<size.pixels {
        let factor = inputs[1][pixel]
        for index in pixel * size.channels..<(pixel + 1) * size.channels {
          y[index] = inputs[0][index] * factor
        }
      }
    }
  }

  func globalMax(_ step: Step, into output: FeatureMap) {
    let size = maps[step.inputs[0]]!.size
    eachImage(step, output) { inputs, y in
      y.update(from: inputs[0], count: size.channels)
      for pixel in 1..<max(1, size.pixels) {
        let x = inputs[0] + pixel * size.channels
        for channel in 0..<size.channels { y[channel] = max(y[channel], x[channel]) }
      }
    }
  }

  func pad(_ step: Step, _ margins: Margins, into output: FeatureMap) {
    let from = maps[step.inputs[0]]!.size
    let (size, channels) = (output.size, output.size.channels)
    /// The source of a position, nil in a constant margin.
    func source(_ position: Int, _ extent: Int) -> Int? {
      if (0..<extent).contains(position) { return position }
      switch margins.filling {
      case .constant: return nil
      case .edge: return position < 0 ? 0 : extent - 1
      case .reflect: return position < 0 ? -position : 2 * (extent - 1) - position
      }
    }
    let rows = (0..<size.height).map { source($0 - margins.top, from.height) }
    let columns = (0..<size.width).map { source($0 - margins.left, from.width) }
    let filling: Float = if case .constant(let value) = margins.filling { value } else { 0 }
    eachImage(step, output) { inputs, y in
      var target = y
      for row in rows {
        for column in columns {
          if let row, let column {
            target.update(from: inputs[0] + (row * from.width + column) * channels, count: channels)
          } else {
            target.update(repeating: filling, count: channels)
          }
          target += channels
        }
      }
    }
  }

  func reorder(_ step: Step, _ order: [Int], into output: FeatureMap) {
    let channels = maps[step.inputs[0]]!.size.channels
    eachImage(step, output) { inputs, y in
      var (from, to) = (inputs[0], y)
      for _ in 0..<output.size.pixels {
        for (channel, source) in order.enumerated() { to[channel] = from[source] }
        from += channels
        to += order.count
      }
    }
  }

  func spaceToDepth(_ step: Step, rows: Int, columns: Int, into output: FeatureMap) {
    let from = maps[step.inputs[0]]!.size
    eachImage(step, output) { inputs, y in
      var target = y
      for row in 0..<output.size.height {
        for column in 0..<output.size.width {
          for inner in 0..<rows {
            let pixel = (row * rows + inner) * from.width + column * columns
            target.update(from: inputs[0] + pixel * from.channels, count: columns * from.channels)
            target += columns * from.channels
          }
        }
      }
    }
  }

  func enlarge(_ step: Step, rows: Int, columns: Int, into output: FeatureMap) {
    let from = maps[step.inputs[0]]!.size
    eachImage(step, output) { inputs, y in
      var target = y
      for row in 0..<output.size.height {
        for column in 0..<output.size.width {
          let pixel = row / rows * from.width + column / columns
          target.update(from: inputs[0] + pixel * from.channels, count: from.channels)
          target += from.channels
        }
      }
    }
  }

  func convolveAcrossChannels(_ step: Step, taps: Int, padding: Int, into output: FeatureMap) {
    let weight = network.parameters.factors[step.node]!.scale!
    let channels = output.size.channels
    eachImage(step, output) { inputs, y in
      for channel in 0..<channels {
        var sum: Float = 0
        for tap in 0..<taps {
          let source = channel + tap - padding
          if (0..<channels).contains(source) { sum += weight[tap] * inputs[0][source] }
        }
        y[channel] = sum
      }
    }
  }

  func softmax(_ step: Step, groups: Int, into output: FeatureMap) {
    let count = output.size.channels / groups
    eachImage(step, output) { inputs, y in
      for index in 0..<count {
        let largest = (0..<groups).reduce(-Float.infinity) { max($0, inputs[0][$1 * count + index]) }
        var sum: Float = 0
        for group in 0..<groups {
          let value = expf(inputs[0][group * count + index] - largest)
          y[group * count + index] = value
          sum += value
        }
        for group in 0..<groups { y[group * count + index] /= sum }
      }
    }
  }

  func sumGroups(_ step: Step, _ groups: Int, into output: FeatureMap) {
    let channels = output.size.channels
    eachImage(step, output) { inputs, y in
      for pixel in 0..<output.size.pixels {
        let (from, to) = (inputs[0] + pixel * channels * groups, y + pixel * channels)
        to.update(from: from, count: channels)
        for group in 1..<max(1, groups) {
          for channel in 0..<channels { to[channel] += from[group * channels + channel] }
        }
      }
    }
  }
}
