import CNetworkKernels
import NetworkGraphs

/// Layers of transformers and of convolutional networks in their style, except attention.
extension Executor {
  func layerNorm(_ step: PlanStep, _ norm: LayerNorm, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let factors = network.parameters.factors[step.node]!
    Pointwise(scale: factors.scale, shift: factors.shift).withPointers { weight, bias in
      eachRowBlock(output.size, floatsPerPixel: 2 * output.size.channels) { image, rows in
        var job = ck_layer_norm(
          y: output.row(rows.lowerBound, image: image), y_stride: output.stride,
          x: input.row(rows.lowerBound, image: image), x_stride: input.stride, weight: weight, bias: bias,
          rows: rows.count * output.size.width, channels: output.size.channels, eps: norm.eps)
        kernels.layer_norm(&job)
      }
    }
  }

  /// The scale of a channel is 1 + weight g / (mean of g + eps): every image has its own.
  func globalResponseNorm(_ step: PlanStep, _ norm: GlobalResponseNorm, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let factors = network.parameters.factors[step.node]!
    let channels = output.size.channels
    let scales = FeatureMap(
      network.buffers, images: images, size: MapSize(height: 1, width: 1, channels: channels))
    let block = 64
    let blocks = (channels + block - 1) / block
    pool.forEach(images * blocks) { task, _ in
      let (image, first) = (task / blocks, task % blocks * block)
      Self.norms(
        of: input.image(image) + first, stride: input.stride, pixels: input.size.pixels,
        channels: min(block, channels - first), into: scales.image(image) + first)
    }
    pool.forEach(images) { image, _ in
      let norms = scales.image(image)
      var sum = 0.0
      for channel in 0..<channels { sum += Double(norms[channel]) }
      let mean = Float(sum / Double(channels)) + norm.eps
      for channel in 0..<channels { norms[channel] = 1 + factors.scale![channel] * (norms[channel] / mean) }
    }
    apply(Pointwise(shift: factors.shift), input, gate: scales, residual: nil, into: output)
  }

  /// The Euclidean norms of columns: sums of squares of 64 rows each in float32, added up in float64.
  private static func norms(
    of x: UnsafePointer<Float>, stride: Int, pixels: Int, channels: Int,
    into norms: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: channels) { totals in
      totals.initialize(repeating: 0)
      for first in Swift.stride(from: 0, to: pixels, by: 64) {
        for channel in 0..<channels { norms[channel] = 0 }
        for pixel in first..<min(first + 64, pixels) {
          let row = x + pixel * stride
          for channel in 0..<channels { norms[channel] += row[channel] * row[channel] }
        }
        for channel in 0..<channels { totals[channel] += Double(norms[channel]) }
      }
      for channel in 0..<channels { norms[channel] = Float(totals[channel].squareRoot()) }
    }
  }

  func embed(_ step: PlanStep, _ embedding: TokenEmbedding, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (rows, columns) = (input.size.height, input.size.width)
    let table = network.tables.table(node: step.node, height: rows, width: columns) {
      network.parameters.embeddings[step.node]!.table(embedding, rows: rows, columns: columns)
    }
    let channels = output.size.channels
    let prefix = embedding.prefixCount
    pool.forEach(images) { image, _ in
      var (x, y, added) = (input.image(image), output.image(image), table.pointer)
      for token in 0..<output.size.pixels {
        if token < prefix {
          y.update(from: added, count: channels)
        } else {
          for channel in 0..<channels { y[channel] = x[channel] + added[channel] }
          x += input.stride
        }
        y += output.stride
        added += channels
      }
    }
  }

  func takeTokens(_ step: PlanStep, from first: Int, into output: FeatureMap) {
    let input = map(step.inputs[0])
    pool.forEach(images) { image, _ in
      var (x, y) = (input.row(first, image: image), output.image(image))
      for _ in 0..<output.size.pixels {
        y.update(from: x, count: output.size.channels)
        x += input.stride
        y += output.stride
      }
    }
  }

  func mergePatches(_ step: PlanStep, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = input.size.channels
    eachRowBlock(output.size, floatsPerPixel: 2 * output.size.channels) { image, rows in
      for row in rows {
        var y = output.row(row, image: image)
        for column in 0..<output.size.width {
          for part in 0..<4 {
            let (top, left) = (2 * row + part % 2, 2 * column + part / 2)
            if top < input.size.height && left < input.size.width {
              (y + part * channels).update(
                from: input.row(top, image: image) + left * input.stride, count: channels)
            } else {
              (y + part * channels).update(repeating: 0, count: channels)
            }
          }
          y += output.stride
        }
      }
    }
  }
}
