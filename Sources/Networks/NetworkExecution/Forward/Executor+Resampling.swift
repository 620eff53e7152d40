import NetworkGraphs

/// Maps at other sizes, as ONNX's `Resize` defines them.
extension Executor {
  /// Separable: every row of the result is a weighted sum of rows, every pixel of it one of pixels.
  func resample(_ step: PlanStep, _ resampling: Resampling, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (from, to) = (input.size, output.size)
    var factors: (rows: Double?, columns: Double?) = (nil, nil)
    if case .factors(let rows, let columns) = resampling.target { factors = (rows, columns) }
    let rows = resampling.taps(inputs: from.height, outputs: to.height, factor: factors.rows)
    let columns = resampling.taps(inputs: from.width, outputs: to.width, factor: factors.columns)
    let channels = to.channels
    let scratch = scratch(from.width * channels)
    pool.forEach(images * to.height) { task, worker in
      let (image, row) = (task / to.height, task % to.height)
      var source = input.row(rows[row][0].place, image: image)
      var stride = input.stride
      if rows[row].count > 1 || rows[row][0].weight != 1 {
        let sums = scratch[worker].buffer.pointer
        for column in 0..<from.width {
          Self.add(
            rows[row], of: channels, to: sums + column * channels,
            from: { input.row($0, image: image) + column * input.stride })
        }
        (source, stride) = (sums, channels)
      }
      var target = output.row(row, image: image)
      for taps in columns {
        Self.add(taps, of: channels, to: target, from: { source + $0 * stride })
        target += output.stride
      }
    }
  }

  /// A pixel as the weighted sum of others.
  private static func add(
    _ taps: [ResamplingTap], of channels: Int, to target: UnsafeMutablePointer<Float>,
    from pixel: (Int) -> UnsafeMutablePointer<Float>
  ) {
    let first = pixel(taps[0].place)
    let weight = taps[0].weight
    if taps.count == 1 && weight == 1 {
      target.update(from: first, count: channels)
      return
    }
    for channel in 0..<channels { target[channel] = weight * first[channel] }
    for tap in taps.dropFirst() {
      let next = pixel(tap.place)
      for channel in 0..<channels { target[channel] += tap.weight * next[channel] }
    }
  }
}

/// A pixel along one axis of a map, and its weight in a pixel of the resized map.
struct ResamplingTap: Equatable {
  let place: Int
  let weight: Float
}

extension Resampling {
  /// The pixels that every output along one axis is the weighted sum of; positions are computed in float32, as PyTorch and
  /// ONNX Runtime do.
  ///
  /// - Parameter factor: The factor that was asked for; nil takes the ratio of the two extents.
  func taps(inputs: Int, outputs: Int, factor: Double?) -> [[ResamplingTap]] {
    let scale = factor.map { Float(1 / $0) } ?? Float(inputs) / Float(outputs)
    let aligned = outputs > 1 ? Float(inputs - 1) / Float(outputs - 1) : 0
    return (0..<outputs).map { output in
      let x: Float =
        switch coordinates {
        case .halfPixel: scale * (Float(output) + 0.5) - 0.5
        case .halfPixelSymmetric:
          // The part of the input that the outputs cover is centered on it.
          (Float(inputs) - scale * Float(outputs)) / 2 + scale * (Float(output) + 0.5) - 0.5
        case .pytorchHalfPixel: outputs > 1 ? scale * (Float(output) + 0.5) - 0.5 : 0
        case .asymmetric: scale * Float(output)
        case .alignCorners: aligned * Float(output)
        case .tfHalfPixelForNearest: scale * (Float(output) + 0.5)
        }
      return taps(at: x, last: inputs - 1)
    }
  }

  private func taps(at x: Float, last: Int) -> [ResamplingTap] {
    func clamped(_ position: Float) -> Int { Int(min(max(position, 0), Float(last))) }
    switch filter {
    case .nearest(let rounding):
      let rounded: Float =
        switch rounding {
        case .preferFloor: (x - 0.5).rounded(.up)
        case .preferCeil: (x + 0.5).rounded(.down)
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        }
      return [ResamplingTap(place: clamped(rounded), weight: 1)]
    case .linear:
      let inside = min(max(x, 0), Float(last))
      let first = Int(inside.rounded(.down))
      let part = inside - Float(first)
      if part == 0 { return [ResamplingTap(place: first, weight: 1)] }
      return [
        ResamplingTap(place: first, weight: 1 - part),
        ResamplingTap(place: min(first + 1, last), weight: part),
      ]
    case .cubic(let coefficient, let excludesOutside):
      let first = x.rounded(.down)
      let places = (-1...2).map { first + Float($0) }
        .filter { !excludesOutside || (0...Float(last)).contains($0) }
      let weights = places.map { Self.cubic(x - $0, coefficient) }
      let sum = excludesOutside ? weights.reduce(0, +) : 1
      return zip(places, weights).map { ResamplingTap(place: clamped($0), weight: $1 / sum) }
    }
  }

  private static func cubic(_ distance: Float, _ a: Float) -> Float {
    let x = abs(distance)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return 0
  }
}
