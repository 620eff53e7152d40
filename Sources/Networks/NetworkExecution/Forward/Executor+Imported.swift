import NetworkGraphs
import Platform

/// Further layers of imported networks; they are rare or small, so clarity counts.
extension Executor {
  /// x * scale + shift, per channel.
  func affine(_ step: PlanStep, into output: FeatureMap) {
    let values = network.parameters.factors[step.node]!
    apply(
      Pointwise(scale: values.scale, shift: values.shift), map(step.inputs[0]), residual: nil, into: output)
  }

  /// Calls `body` for every pixel of the output with the positions of its channels in the output and in the
  /// inputs, which have as many pixels.
  private func eachPixel(
    _ step: PlanStep, _ output: FeatureMap,
    _ body: (_ inputs: [UnsafeMutablePointer<Float>], _ output: UnsafeMutablePointer<Float>) -> Void
  ) {
    let inputs = step.inputs.map { map($0) }
    pool.forEach(images) { image, _ in
      var sources = inputs.map { $0.image(image) }
      var target = output.image(image)
      for _ in 0..<output.size.pixels {
        body(sources, target)
        for index in sources.indices { sources[index] += inputs[index].stride }
        target += output.stride
      }
    }
  }

  func multiplyMaps(_ step: PlanStep, into output: FeatureMap) {
    let channels = output.size.channels
    eachPixel(step, output) { inputs, y in
      let (a, b) = (inputs[0], inputs[1])
      for channel in 0..<channels { y[channel] = a[channel] * b[channel] }
    }
  }

  func mask(_ step: PlanStep, into output: FeatureMap) {
    let channels = output.size.channels
    eachPixel(step, output) { inputs, y in
      let (x, factor) = (inputs[0], inputs[1][0])
      for channel in 0..<channels { y[channel] = x[channel] * factor }
    }
  }

  func reorder(_ step: PlanStep, _ order: [Int], into output: FeatureMap) {
    eachPixel(step, output) { inputs, y in
      let x = inputs[0]
      for (channel, source) in order.enumerated() { y[channel] = x[source] }
    }
  }

  func convolveAcrossChannels(_ step: PlanStep, taps: Int, padding: Int, into output: FeatureMap) {
    let weight = network.parameters.factors[step.node]!.scale!
    let channels = output.size.channels
    eachPixel(step, output) { inputs, y in
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

  func softmax(_ step: PlanStep, groups: Int, into output: FeatureMap) {
    let count = output.size.channels / groups
    eachPixel(step, output) { inputs, y in
      let x = inputs[0]
      for index in 0..<count {
        let largest = (0..<groups).reduce(-Float.infinity) { max($0, x[$1 * count + index]) }
        var sum: Float = 0
        for group in 0..<groups {
          let value = expf(x[group * count + index] - largest)
          y[group * count + index] = value
          sum += value
        }
        for group in 0..<groups { y[group * count + index] /= sum }
      }
    }
  }

  func sumGroups(_ step: PlanStep, _ groups: Int, into output: FeatureMap) {
    let channels = output.size.channels
    eachPixel(step, output) { inputs, y in
      y.update(from: inputs[0], count: channels)
      for group in 1..<max(1, groups) {
        let x = inputs[0] + group * channels
        for channel in 0..<channels { y[channel] += x[channel] }
      }
    }
  }

  // MARK: Layers that move pixels

  func globalMax(_ step: PlanStep, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = input.size.channels
    pool.forEach(images) { image, _ in
      let (x, y) = (input.image(image), output.image(image))
      y.update(from: x, count: channels)
      for pixel in 1..<max(1, input.size.pixels) {
        let pixel = x + pixel * input.stride
        // Not `max`, which may drop a NaN.
        for channel in 0..<channels where !(pixel[channel] <= y[channel]) { y[channel] = pixel[channel] }
      }
    }
  }

  /// Copies pixels: `source` maps output rows and columns to those of the input, or to nil for `filling`.
  private func movePixels(
    _ step: PlanStep, into output: FeatureMap, filling: Float = 0,
    from source: (_ row: Int, _ column: Int) -> (row: Int, column: Int)?
  ) {
    let input = map(step.inputs[0])
    let channels = input.size.channels
    pool.forEach(images) { image, _ in
      for row in 0..<output.size.height {
        var target = output.row(row, image: image)
        for column in 0..<output.size.width {
          if let place = source(row, column) {
            target.update(
              from: input.row(place.row, image: image) + place.column * input.stride, count: channels)
          } else {
            target.update(repeating: filling, count: channels)
          }
          target += output.stride
        }
      }
    }
  }

  func pad(_ step: PlanStep, _ margins: Margins, into output: FeatureMap) {
    let from = sizes[step.inputs[0]]
    /// The source of a position, nil in a constant margin.
    func source(_ position: Int, _ extent: Int) -> Int? {
      if (0..<extent).contains(position) { return position }
      switch margins.filling {
      case .constant: return nil
      case .edge: return position < 0 ? 0 : extent - 1
      case .reflect: return position < 0 ? -position : 2 * (extent - 1) - position
      }
    }
    let filling: Float = if case .constant(let value) = margins.filling { value } else { 0 }
    movePixels(step, into: output, filling: filling) { row, column in
      guard let row = source(row - margins.top, from.height),
        let column = source(column - margins.left, from.width)
      else { return nil }
      return (row, column)
    }
  }

  func enlarge(_ step: PlanStep, rows: Int, columns: Int, into output: FeatureMap) {
    movePixels(step, into: output) { row, column in (row / rows, column / columns) }
  }

  func spaceToDepth(_ step: PlanStep, rows: Int, columns: Int, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = input.size.channels
    pool.forEach(images) { image, _ in
      for row in 0..<output.size.height {
        for column in 0..<output.size.width {
          var target = output.row(row, image: image) + column * output.stride
          for inner in 0..<rows * columns {
            let x =
              input.row(row * rows + inner / columns, image: image)
              + (column * columns + inner % columns) * input.stride
            target.update(from: x, count: channels)
            target += channels
          }
        }
      }
    }
  }
}
