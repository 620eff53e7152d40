import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Transposed convolutions, and pixels that are moved. Rows of the output are computed one by one, each by one task, so that
/// results depend on neither threads nor batches.
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

  func spaceWindows(_ step: PlanStep, _ windows: SpacedWindows, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    let columns = (0..<output.size.width).map { column in
      windows.source(column).flatMap { $0 < input.size.width ? $0 : nil }
    }
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, block in
      for row in block {
        let source = windows.source(row).flatMap { $0 < input.size.height ? $0 : nil }
        var target = output.row(row, image: image)
        for column in columns {
          if let source, let column {
            target.update(
              from: input.row(source, image: image) + column * input.stride, count: channels)
          } else {
            target.update(repeating: 0, count: channels)
          }
          target += output.stride
        }
      }
    }
  }

  func joinWindows(_ step: PlanStep, _ windows: SpacedWindows, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, block in
      for row in block {
        let source = input.row(windows.target(row), image: image)
        var target = output.row(row, image: image)
        for column in 0..<output.size.width {
          target.update(from: source + windows.target(column) * input.stride, count: channels)
          target += output.stride
        }
      }
    }
  }
}
