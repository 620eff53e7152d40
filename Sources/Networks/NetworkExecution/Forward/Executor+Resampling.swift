import NetworkGraphs
import Platform

/// Maps at other sizes: ONNX's `Resize`, and transposed convolutions.
extension Executor {
  /// Separable: every row of the result is a weighted sum of rows, every pixel of it one of pixels.
  func resample(_ step: PlanStep, _ resampling: Resampling, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (from, to) = (input.size, output.size)
    let rows = resampling.taps(from: from.height, to: to.height, resampling.height)
    let columns = resampling.taps(from: from.width, to: to.width, resampling.width)
    let channels = to.channels
    let scratch = scratch(from.width * channels)
    pool.forEach(images * to.height) { task, worker in
      let (image, row) = (task / to.height, task % to.height)
      let sums = scratch[worker].buffer.pointer
      sums.update(repeating: 0, count: from.width * channels)
      for tap in rows[row] {
        let x = input.row(tap.place, image: image)
        for column in 0..<from.width {
          for channel in 0..<channels {
            sums[column * channels + channel] += tap.weight * x[column * input.stride + channel]
          }
        }
      }
      for column in 0..<to.width {
        let y = output.row(row, image: image) + column * output.stride
        y.update(repeating: 0, count: channels)
        for tap in columns[column] {
          let x = sums + tap.place * channels
          for channel in 0..<channels { y[channel] += tap.weight * x[channel] }
        }
      }
    }
  }

  /// Every pixel of the result gathers the pixels that reach it.
  func convolveTransposed(_ step: PlanStep, _ convolution: TransposedConvolution, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (weight, bias) = (
      network.parameters.factors[step.node]!.scale!, network.parameters.factors[step.node]!.shift
    )
    let window = convolution.window
    guard case .explicit(let top, let left, _, _) = window.padding else {
      preconditionFailure("the importer makes padding explicit")
    }
    let (inputs, outputs) = (
      convolution.inputChannels / convolution.groups, convolution.outputChannels / convolution.groups
    )
    let taps = window.taps
    /// The pixel whose window has that position at its tap; nil where there is none.
    func source(_ position: Int, _ tap: Int, _ dilation: Int, _ stride: Int, _ extent: Int) -> Int? {
      let place = position - tap * dilation
      guard place >= 0, place % stride == 0, place / stride < extent else { return nil }
      return place / stride
    }
    pool.forEach(images * output.size.height) { task, _ in
      let (image, row) = (task / output.size.height, task % output.size.height)
      for column in 0..<output.size.width {
        let y = output.row(row, image: image) + column * output.stride
        for channel in 0..<convolution.outputChannels { y[channel] = bias?[channel] ?? 0 }
        for tap in 0..<taps {
          let (down, right) = (tap / window.kernel.width, tap % window.kernel.width)
          guard
            let sourceRow = source(
              row + top, down, window.dilation.height, window.stride.height, input.size.height),
            let sourceColumn = source(
              column + left, right, window.dilation.width, window.stride.width, input.size.width)
          else { continue }
          let x = input.row(sourceRow, image: image) + sourceColumn * input.stride
          for channel in 0..<convolution.inputChannels {
            let first = channel / inputs * outputs
            for index in 0..<outputs {
              y[first + index] += x[channel] * weight[(channel * outputs + index) * taps + tap]
            }
          }
        }
      }
    }
  }
}

extension Resampling {
  /// A pixel of the map and its weight.
  fileprivate struct Tap {
    let place: Int
    let weight: Float
  }

  /// The pixels that every pixel of the result is the weighted sum of, along one axis; ONNX's `Resize`.
  fileprivate func taps(from extent: Int, to count: Int, _ size: Extent) -> [[Tap]] {
    // A given factor counts as given, not as rounded to whole pixels.
    let scale = if case .factor(let factor) = size { Double(factor) } else { Double(count) / Double(extent) }
    return (0..<count).map { index in
      let x = place(of: index, scale: scale, from: extent, to: count)
      func clamped(_ place: Double) -> Int { min(max(Int(place), 0), extent - 1) }
      switch filter {
      case .nearest(let rounding):
        let place =
          switch rounding {
          case .down: x.rounded(.down)
          case .up: x.rounded(.up)
          case .halfDown: (x - 0.5).rounded(.up)
          case .halfUp: (x + 0.5).rounded(.down)
          }
        return [Tap(place: clamped(place), weight: 1)]
      case .linear:
        let inside = min(max(x, 0), Double(extent - 1))
        let first = inside.rounded(.down)
        let part = Float(inside - first)
        return [
          Tap(place: clamped(first), weight: 1 - part), Tap(place: clamped(first + 1), weight: part),
        ]
      case .cubic(let coefficient, let excludesOutside):
        let first = x.rounded(.down)
        var taps: [Tap] = []
        for offset in -1...2 {
          let place = first + Double(offset)
          if excludesOutside, place < 0 || place > Double(extent - 1) { continue }
          taps.append(
            Tap(place: clamped(place), weight: Float(Self.cubic(x - place, Double(coefficient)))))
        }
        let sum = taps.reduce(0) { $0 + $1.weight }
        return excludesOutside && sum != 0 ? taps.map { Tap(place: $0.place, weight: $0.weight / sum) } : taps
      }
    }
  }

  private func place(of index: Int, scale: Double, from extent: Int, to count: Int) -> Double {
    let x = Double(index)
    switch coordinates {
    case .halfPixel: return (x + 0.5) / scale - 0.5
    case .halfPixelOfSeveral: return count > 1 ? (x + 0.5) / scale - 0.5 : 0
    case .asymmetric: return x / scale
    case .alignedCorners: return count > 1 ? x * Double(extent - 1) / Double(count - 1) : 0
    }
  }

  private static func cubic(_ distance: Double, _ a: Double) -> Double {
    let x = abs(distance)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return 0
  }
}
