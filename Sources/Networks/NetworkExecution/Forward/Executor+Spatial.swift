import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Layers that change the size of a map. Rows of the output are computed one by one, each by one task, so that results
/// depend on neither threads nor batches.
extension Executor {
  /// Every row of the output is a sum over rows of the kernel, in their order, of products of one row of the input.
  func convolveTransposed(
    _ step: PlanStep, _ convolution: TransposedConvolution, into output: FeatureMap
  ) {
    let input = map(step.inputs[0])
    let weights = network.parameters.layers[step.node]!
    let window = convolution.window
    let (top, left) = (convolution.cut(vertical: true).before, convolution.cut(vertical: false).before)
    let groups = convolution.groups
    let (inputs, outputs) = (convolution.inputChannels / groups, convolution.outputChannels / groups)
    let columns = window.kernel.width * outputs
    let (width, size) = (input.size.width, output.size)
    let scratch = scratch(width * columns)
    pool.forEach(images * size.height) { task, worker in
      let (image, row) = (task / size.height, task % size.height)
      let target = output.row(row, image: image)
      for column in 0..<size.width {
        let pixel = target + column * output.stride
        for channel in 0..<size.channels { pixel[channel] = weights.bias?[channel] ?? 0 }
      }
      let products = scratch[worker].buffer.pointer
      for tap in 0..<window.kernel.height {
        let offset = row + top - tap * window.dilation.height
        guard offset >= 0, offset % window.stride.height == 0,
          offset / window.stride.height < input.size.height
        else { continue }
        let source = input.row(offset / window.stride.height, image: image)
        for group in 0..<groups {
          GEMM.multiply(
            m: width, n: columns, k: inputs, a: source + group * inputs, lda: input.stride,
            b: weights.weight.pointer + (group * window.kernel.height + tap) * inputs * columns, ldb: columns,
            c: products, ldc: columns)
          for place in 0..<width * window.kernel.width {
            let (x, kx) = (place / window.kernel.width, place % window.kernel.width)
            let column = x * window.stride.width + kx * window.dilation.width - left
            guard column >= 0, column < size.width else { continue }
            let (from, to) = (products + place * outputs, target + column * output.stride + group * outputs)
            for channel in 0..<outputs { to[channel] += from[channel] }
          }
        }
      }
    }
  }

  func resample(_ step: PlanStep, _ resampling: Resampling, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (from, to) = (input.size, output.size)
    var factors: (rows: Double?, columns: Double?) = (nil, nil)
    if case .factors(let rows, let columns) = resampling.target { factors = (rows, columns) }
    let rows = resampling.places(inputs: from.height, outputs: to.height, factor: factors.rows)
    let columns = resampling.places(inputs: from.width, outputs: to.width, factor: factors.columns)
    let channels = to.channels
    eachRowBlock(to, floatsPerPixel: 4 * channels) { image, block in
      for row in block {
        let place = rows[row]
        let (upper, lower) = (input.row(place.first, image: image), input.row(place.second, image: image))
        var target = output.row(row, image: image)
        for column in columns {
          let (left, right) = (column.first * input.stride, column.second * input.stride)
          if place.weight == 0 && column.weight == 0 {
            target.update(from: upper + left, count: channels)
          } else {
            // PyTorch's order of the sums.
            let (a, b, c, d) = (upper + left, upper + right, lower + left, lower + right)
            let (w, v) = (column.weight, place.weight)
            for channel in 0..<channels {
              target[channel] =
                (1 - v) * ((1 - w) * a[channel] + w * b[channel])
                + v * ((1 - w) * c[channel] + w * d[channel])
            }
          }
          target += output.stride
        }
      }
    }
  }

  func subsample(_ step: PlanStep, rows: Steps, columns: Steps, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, block in
      for row in block {
        let source = input.row(rows.start + row * rows.step, image: image)
        var target = output.row(row, image: image)
        for column in 0..<output.size.width {
          target.update(
            from: source + (columns.start + column * columns.step) * input.stride, count: channels)
          target += output.stride
        }
      }
    }
  }

  func depthToSpace(_ step: PlanStep, rows: Int, columns: Int, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, block in
      for row in block {
        var target = output.row(row, image: image)
        for column in 0..<output.size.width {
          let pixel = input.row(row / rows, image: image) + column / columns * input.stride
          target.update(
            from: pixel + (row % rows * columns + column % columns) * channels, count: channels)
          target += output.stride
        }
      }
    }
  }
}

/// The pixels along one axis that a pixel of a resized map is computed from: x = (1 - weight) first + weight second.
struct ResamplingPlace: Equatable {
  let first: Int
  let second: Int
  let weight: Float
}

extension Resampling {
  /// The places of all outputs along one axis, computed in float32 as PyTorch and ONNX Runtime do.
  ///
  /// - Parameter factor: The factor that was asked for; nil takes the ratio of the two extents.
  func places(inputs: Int, outputs: Int, factor: Double?) -> [ResamplingPlace] {
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
      return place(x, last: inputs - 1)
    }
  }

  private func place(_ x: Float, last: Int) -> ResamplingPlace {
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
      return ResamplingPlace(first: clamped(rounded), second: clamped(rounded), weight: 0)
    case .linear:
      let inside = min(max(x, 0), Float(last))
      let first = Int(inside.rounded(.down))
      return ResamplingPlace(first: first, second: min(first + 1, last), weight: inside - Float(first))
    }
  }
}
