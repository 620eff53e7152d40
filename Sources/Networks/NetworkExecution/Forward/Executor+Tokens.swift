import CNetworkKernels
import NetworkGraphs
import Platform

/// Layers of transformers and of convolutional networks in their style, except attention.
extension Executor {
  func layerNorm(_ step: PlanStep, _ norm: LayerNorm, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let factors = step.node == bareNorm ? (nil, nil) : network.parameters.factors[step.node]!
    let channels = output.size.channels / norm.groups
    Pointwise(scale: factors.0, shift: factors.1).withPointers { weight, bias in
      eachRowBlock(output.size, floatsPerPixel: 2 * output.size.channels) { image, rows in
        for group in 0..<norm.groups {
          var job = ck_layer_norm(
            y: output.row(rows.lowerBound, image: image) + group * channels, y_stride: output.stride,
            x: input.row(rows.lowerBound, image: image) + group * channels, x_stride: input.stride,
            weight: weight, bias: bias, rows: rows.count * output.size.width, channels: channels,
            eps: norm.eps)
          if norm.keepsMean { Self.divideByRootMeanSquare(job) } else { kernels.layer_norm(&job) }
        }
      }
    }
  }

  /// y = x / sqrt(mean of x^2 + eps) * weight + bias, row by row.
  private static func divideByRootMeanSquare(_ job: ck_layer_norm) {
    for row in 0..<job.rows {
      let (x, y) = (job.x + row * job.x_stride, job.y + row * job.y_stride)
      var sum = 0.0
      for channel in 0..<job.channels { sum += Double(x[channel]) * Double(x[channel]) }
      let factor = Float(1 / (sum / Double(job.channels) + Double(job.eps)).squareRoot())
      for channel in 0..<job.channels {
        y[channel] = x[channel] * factor * (job.weight?[channel] ?? 1) + (job.bias?[channel] ?? 0)
      }
    }
  }

  /// Moments in float64, row of pixels by row of pixels, so that they do not depend on threads.
  func groupNorm(_ step: PlanStep, _ norm: GroupNorm, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let factors = network.parameters.factors[step.node]!
    let size = output.size
    let (pixels, channels) = (size.pixels, size.channels / norm.groups)
    let count = Double(pixels * channels)
    pool.forEach(images * norm.groups) { task, _ in
      let (image, first) = (task / norm.groups, task % norm.groups * channels)
      let (x, y) = (input.image(image) + first, output.image(image) + first)
      var sum = 0.0
      for pixel in 0..<pixels {
        var row: Float = 0
        for channel in 0..<channels { row += x[pixel * input.stride + channel] }
        sum += Double(row)
      }
      let mean = norm.form == .rootMeanSquare ? 0 : Float(sum / count)
      sum = 0
      for pixel in 0..<pixels {
        var row: Float = 0
        for channel in 0..<channels {
          let deviation = x[pixel * input.stride + channel] - mean
          row += deviation * deviation
        }
        sum += Double(row)
      }
      let factor = Float(1 / (sum / count + Double(norm.eps)).squareRoot())
      let scale = (0..<channels).map { (factors.scale?[first + $0] ?? 1) * factor }
      let subtracted = norm.form == .standardized ? mean : 0
      let shift = (0..<channels).map { (factors.shift?[first + $0] ?? 0) - subtracted * scale[$0] }
      Pointwise(scale: scale, shift: shift).apply(
        kernels, to: y, stride: output.stride, from: x, fromStride: input.stride, residual: nil,
        residualStride: 0, rows: pixels, channels: channels)
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
  static func norms(
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

  func repeatParameter(_ step: PlanStep, into output: FeatureMap) {
    let values = network.parameters.factors[step.node]!.scale!
    let channels = output.size.channels
    for image in 0..<images {
      for index in values.indices {
        output.image(image)[index / channels * output.stride + index % channels] = values[index]
      }
    }
  }

  func transpose(_ step: PlanStep, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (rows, columns) = (input.size.pixels, input.size.channels)
    let side = 32
    pool.forEach(images) { image, _ in
      let (x, y) = (input.image(image), output.image(image))
      // Tiles of both maps fit into the cache.
      for top in stride(from: 0, to: rows, by: side) {
        for left in stride(from: 0, to: columns, by: side) {
          for column in left..<min(left + side, columns) {
            for row in top..<min(top + side, rows) {
              y[column * output.stride + row] = x[row * input.stride + column]
            }
          }
        }
      }
    }
  }

  func joinTokens(_ step: PlanStep, into output: FeatureMap) {
    let inputs = step.inputs.map { map($0) }
    pool.forEach(images) { image, _ in
      var y = output.image(image)
      for input in inputs {
        for pixel in 0..<input.size.pixels {
          y.update(from: input.image(image) + pixel * input.stride, count: output.size.channels)
          y += output.stride
        }
      }
    }
  }

  /// sin and cos of 2 pi (place + 1) / (extent + 1e-6) / 10000^(wave / waves) along both axes.
  func wavePositions(_ waves: Int, into output: FeatureMap) {
    let size = output.size
    let frequencies = (0..<waves).map { 1 / powf(10000, Float($0) / Float(waves)) }
    for row in 0..<size.height {
      for column in 0..<size.width {
        let places = [
          Float(row + 1) / (Float(size.height) + 1e-6), Float(column + 1) / (Float(size.width) + 1e-6),
        ]
        let target = output.row(row, image: 0) + column * output.stride
        for (axis, place) in places.enumerated() {
          for (wave, frequency) in frequencies.enumerated() {
            let angle = place * 2 * Float.pi * frequency
            target[2 * (axis * waves + wave)] = sinf(angle)
            target[2 * (axis * waves + wave) + 1] = cosf(angle)
          }
        }
      }
    }
    for image in 1..<max(images, 1) {
      for pixel in 0..<size.pixels {
        (output.image(image) + pixel * output.stride).update(
          from: output.image(0) + pixel * output.stride, count: size.channels)
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
