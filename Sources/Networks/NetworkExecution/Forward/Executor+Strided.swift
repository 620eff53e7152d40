import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Operations of imported networks on values of any rank, which step through pixels and channels of maps.
extension Executor {
  // MARK: Elements in another order

  func arrange(_ step: PlanStep, _ arrangement: Arrangement, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    let columns = Self.offsets(arrangement.channels, stride: input.stride)
    let run = Self.run(of: columns)
    let first = arrangement.firstPixel * input.stride + arrangement.firstChannel
    let rows = Self.offsets(arrangement.rows, stride: input.stride)
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, range in
      let x = input.image(image) + first
      for row in range.lowerBound * output.size.width..<range.upperBound * output.size.width {
        let (source, target) = (x + rows[row], output.image(image) + row * output.stride)
        if run == 1 {
          for channel in 0..<channels { target[channel] = source[columns[channel]] }
        } else {
          for channel in stride(from: 0, to: channels, by: run) {
            (target + channel).update(from: source + columns[channel], count: run)
          }
        }
      }
    }
  }

  /// The distances from the first element of all positions along some axes, outermost first.
  static func offsets(_ axes: [StridedAxis], stride: Int) -> [Int] {
    axes.reduce([0]) { offsets, axis in
      let step = axis.pixels * stride + axis.channels
      return offsets.flatMap { offset in (0..<axis.extent).map { offset + $0 * step } }
    }
  }

  /// The largest number of elements that are neighbors, from every multiple of it on.
  private static func run(of offsets: [Int]) -> Int {
    var run = offsets.indices.first { $0 > 0 && offsets[$0] != offsets[$0 - 1] + 1 } ?? offsets.count
    while run > 1 {
      let isRun =
        offsets.count.isMultiple(of: run)
        && offsets.indices.allSatisfy { $0 % run == 0 || offsets[$0] == offsets[$0 - 1] + 1 }
      if isRun { return run }
      run = (1..<run).last { offsets.count.isMultiple(of: $0) } ?? 1
    }
    return 1
  }

  func takeRows(_ step: PlanStep, _ selection: RowSelection, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    pool.forEach(images) { image, _ in
      var target = output.image(image)
      for index in selection.indices {
        for row in index * selection.block..<(index + 1) * selection.block {
          target.update(from: input.image(image) + row * input.stride, count: channels)
          target += output.stride
        }
      }
    }
  }

  // MARK: Products

  func multiply(_ step: PlanStep, _ product: StridedProduct, into output: FeatureMap) {
    let (a, b) = (map(step.inputs[0]), map(step.inputs[1]))
    let left = Self.offsets(product.shared.map { $0.steps[0] }, stride: a.stride)
    let right = Self.offsets(product.shared.map { $0.steps[1] }, stride: b.stride)
    let (rows, columns, depth) = (product.rows.extent, product.columns.extent, product.depth[0].extent)
    let first = MatrixSteps(rows: product.rows, columns: product.depth[0], stride: a.stride)
    let second = MatrixSteps(rows: product.depth[1], columns: product.columns, stride: b.stride)
    pool.forEach(images * left.count) { task, _ in
      let (image, block) = (task / left.count, task % left.count)
      GEMM.multiply(
        m: rows, n: columns, k: depth, a: a.image(image) + left[block], lda: first.distance,
        transposeA: first.isTransposed, b: b.image(image) + right[block], ldb: second.distance,
        transposeB: second.isTransposed, c: output.image(image) + block * rows * output.stride,
        ldc: output.stride)
    }
  }

  /// Block by block of queries, as in `attendAcross`; no map of all scores is ever made.
  func attend(_ step: PlanStep, _ attention: StridedAttention, into output: FeatureMap) {
    let (q, k, v) = (map(step.inputs[0]), map(step.inputs[1]), map(step.inputs[2]))
    let bias = attention.hasBias ? map(step.inputs[3]) : nil
    let shared = [q.stride, k.stride, v.stride, output.stride].enumerated().map { index, stride in
      Self.offsets(attention.shared.map { $0.steps[index] }, stride: stride)
    }
    let (queries, keys) = (attention.queries.extent, attention.keys.extent)
    func distance(_ axis: StridedAxis, _ stride: Int) -> Int { axis.pixels * stride + axis.channels }
    let queryStep = distance(attention.queries, q.stride)
    let resultStep = distance(attention.results, output.stride)
    // The division depends on the shape alone, as BLAS may round differently for other numbers of rows.
    let most = max(16, (1 << 16) / keys)
    let blocks = (queries + most - 1) / most
    let scratch = scratch((queries + blocks - 1) / blocks * keys)
    let count = attention.blocks
    pool.forEach(images * count * blocks) { task, worker in
      let (image, rest) = (task / (count * blocks), task % (count * blocks))
      let (index, block) = (rest / blocks, rest % blocks)
      let rows = block * queries / blocks..<(block + 1) * queries / blocks
      let scores = scratch[worker].buffer.pointer
      GEMM.multiply(
        m: rows.count, n: keys, k: attention.depth,
        a: q.image(image) + shared[0][index] + rows.lowerBound * queryStep,
        lda: max(queryStep, attention.depth),
        b: k.image(image) + shared[1][index], ldb: max(distance(attention.keys, k.stride), attention.depth),
        transposeB: true, c: scores, ldc: keys, alpha: attention.scale)
      var job = ck_softmax(
        x: scores, x_stride: keys,
        bias: bias.map {
          UnsafePointer($0.image(image) + (index * queries + rows.lowerBound) * $0.stride)
        },
        bias_stride: bias?.stride ?? 0, rows: rows.count, columns: keys)
      kernels.softmax(&job)
      GEMM.multiply(
        m: rows.count, n: attention.valueDepth, k: keys, a: scores, lda: keys,
        b: v.image(image) + shared[2][index],
        ldb: max(distance(attention.values, v.stride), attention.valueDepth),
        c: output.image(image) + shared[3][index] + rows.lowerBound * resultStep,
        ldc: max(resultStep, attention.valueDepth))
    }
  }

  // MARK: Rows of channels

  func softmaxOfChannels(_ step: PlanStep, isLogarithm: Bool, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    eachRowBlock(output.size, floatsPerPixel: 2 * channels) { image, range in
      let count = range.count * output.size.width
      let (x, y) = (
        input.row(range.lowerBound, image: image), output.row(range.lowerBound, image: image)
      )
      for row in 0..<count {
        (y + row * output.stride).update(from: x + row * input.stride, count: channels)
      }
      guard isLogarithm else {
        var job = ck_softmax(
          x: y, x_stride: output.stride, bias: nil, bias_stride: 0, rows: count, columns: channels)
        kernels.softmax(&job)
        return
      }
      for row in 0..<count {
        let row = y + row * output.stride
        let largest = (0..<channels).reduce(-Float.infinity) { max($0, row[$1]) }
        let sum = (0..<channels).reduce(0.0) { $0 + Double(expf(row[$1] - largest)) }
        let shift = largest + logf(Float(sum))
        for channel in 0..<channels { row[channel] -= shift }
      }
    }
  }

  /// Sums in float64, in the order of the channels.
  func reduceChannels(_ step: PlanStep, _ reduction: ChannelReduction, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = input.size.channels
    eachRowBlock(output.size, floatsPerPixel: channels + 1) { image, range in
      for row in range.lowerBound * output.size.width..<range.upperBound * output.size.width {
        let x = input.image(image) + row * input.stride
        func sum(_ term: (Double) -> Double) -> Double {
          var sum = 0.0
          for channel in 0..<channels { sum += term(Double(x[channel])) }
          return sum
        }
        let result: Float
        switch reduction {
        case .sum: result = Float(sum { $0 })
        case .mean: result = Float(sum { $0 } / Double(channels))
        case .absoluteSum: result = Float(sum { abs($0) })
        case .euclideanNorm: result = Float(sum { $0 * $0 }.squareRoot())
        case .maximum, .minimum:
          var best = x[0]
          for channel in 1..<max(1, channels) {
            // Not `max`, which may drop a NaN.
            let isBest = reduction == .maximum ? !(x[channel] <= best) : !(x[channel] >= best)
            if isBest { best = x[channel] }
          }
          result = best
        }
        output.image(image)[row * output.stride] = result
      }
    }
  }

  func select(_ step: PlanStep, into output: FeatureMap) {
    let (condition, a, b) = (map(step.inputs[0]), map(step.inputs[1]), map(step.inputs[2]))
    let channels = output.size.channels
    pool.forEach(images) { image, _ in
      for pixel in 0..<output.size.pixels {
        let c = condition.image(image) + pixel * condition.stride
        let (x, y) = (a.image(image) + pixel * a.stride, b.image(image) + pixel * b.stride)
        let target = output.image(image) + pixel * output.stride
        for channel in 0..<channels { target[channel] = c[channel] != 0 ? x[channel] : y[channel] }
      }
    }
  }
}

/// A part of a map as a matrix in BLAS's form.
private struct MatrixSteps {
  let isTransposed: Bool
  /// Floats between the rows as stored.
  let distance: Int

  /// - Precondition: Rows or columns are neighboring channels.
  init(rows: StridedAxis, columns: StridedAxis, stride: Int) {
    isTransposed = !columns.isContiguous
    let (outer, inner) = isTransposed ? (columns, rows) : (rows, columns)
    distance = max(outer.pixels * stride + outer.channels, inner.extent)
  }
}
