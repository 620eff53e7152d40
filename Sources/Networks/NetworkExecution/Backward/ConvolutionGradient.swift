import NetworkGraphs
import Platform
import TensorMath

/// A convolution in one or several groups, by products of matrices.
///
/// y = Σ over taps of x shifted by the tap, times the tap's weights. By data, the same sum with taps turned around; by
/// weights, for every tap the product of dy and the shifted x over all pixels. Float32.
final class ConvolutionGradient: LayerGradient {
  private let convolution: Convolution
  private let weight: TrainableTensor
  private let bias: TrainableTensor?
  /// `[group][tap][input][output]`; nil where it has to be made anew.
  private var packed: Tensor?
  /// `[group][tap][output][input]`.
  private var turned: Tensor?

  private var window: Window { convolution.window }
  private var taps: Int { window.taps }
  private var groups: Int { convolution.groups }
  private var inputs: Int { convolution.inputChannels / groups }
  private var outputs: Int { convolution.outputChannels / groups }

  init(_ convolution: Convolution, weight: TrainableTensor, bias: TrainableTensor?) {
    self.convolution = convolution
    self.weight = weight
    self.bias = bias
  }

  func weightsChanged() { (packed, turned) = (nil, nil) }

  // MARK: Forward

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let x = x[0]
    let taps = WindowTaps(window, input: x.size, output: y.size)
    let (depth, columns) = (self.taps * inputs, convolution.outputChannels)
    let weights = isPlain ? nil : packedWeight(pass.pool)
    let length = Self.rows(of: y.rows, depth: depth)
    let scratch = window.isPointwise ? [] : pass.scratch(length * depth)
    pass.pool.eachBlock(of: y.rows, length) { rows, worker in
      for group in 0..<groups {
        var (a, width) = (x.pointer + rows.lowerBound * x.channels + group * inputs, x.channels)
        if !window.isPointwise {
          (a, width) = (scratch[worker].buffer.pointer, depth)
          taps.gather(x, rows, channels: group * inputs..<(group + 1) * inputs, into: a)
        }
        GEMM.multiply(
          m: rows.count, n: outputs, k: depth, a: a, lda: width,
          b: weights.map { $0.pointer + group * depth * outputs } ?? weight.value.pointer,
          ldb: weights == nil ? depth : outputs, transposeB: weights == nil,
          c: y.pointer + rows.lowerBound * columns + group * outputs, ldc: columns)
      }
      guard let bias = bias?.value.pointer else { return }
      for row in rows {
        for output in 0..<columns { y.pointer[row * columns + output] += bias[output] }
      }
    }
  }

  /// True if PyTorch's layout is that of a single matrix.
  private var isPlain: Bool { taps == 1 && groups == 1 }

  /// Rows of one product: enough that BLAS packs the weights seldom, in at least eight parts for the threads, with a left
  /// factor of 16 MB at most.
  private static func rows(of count: Int, depth: Int) -> Int {
    max(64, min((count + 7) / 8, 1024, (1 << 22) / max(depth, 1)))
  }

  // MARK: Backward

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    if let gradient = weight.gradient { addWeightGradient(x[0], dy, to: gradient, pass) }
    if let gradient = bias?.gradient {
      let (values, channels) = (dy.pointer, dy.channels)
      ColumnSums.add(rows: dy.rows, channels: channels, pass.pool, into: gradient.pointer) {
        values[$0 * channels + $1]
      }
    }
    guard let dx = dx[0] else { return }
    if taps == 1 && !window.isPointwise {
      scatterDataGradient(dy, to: dx, pass)
    } else {
      addDataGradient(dy, to: dx, pass)
    }
  }

  /// For every input pixel the pixels of `dy` that it has gone into, times their weights.
  private func addDataGradient(_ dy: FeatureMap, to dx: FeatureMap, _ pass: TuningPass) {
    let taps = WindowTaps(window, input: dx.size, output: dy.size)
    let depth = self.taps * outputs
    let weights = isPlain ? nil : turnedWeight(pass.pool)
    let length = Self.rows(of: dx.rows, depth: depth)
    let scratch = window.isPointwise ? [] : pass.scratch(length * depth)
    pass.pool.eachBlock(of: dx.rows, length) { rows, worker in
      for group in 0..<groups {
        var (a, width) = (dy.pointer + rows.lowerBound * dy.channels + group * outputs, dy.channels)
        if !window.isPointwise {
          (a, width) = (scratch[worker].buffer.pointer, depth)
          taps.gatherTurned(dy, rows, channels: group * outputs..<(group + 1) * outputs, into: a)
        }
        GEMM.multiply(
          m: rows.count, n: inputs, k: depth, a: a, lda: width,
          b: weights.map { $0.pointer + group * depth * inputs } ?? weight.value.pointer, ldb: inputs,
          c: dx.pointer + rows.lowerBound * dx.channels + group * inputs, ldc: dx.channels, beta: 1)
      }
    }
  }

  /// With a single tap and a stride most input pixels go nowhere: the products are made for the outputs and added to the
  /// pixel that each of them has read.
  private func scatterDataGradient(_ dy: FeatureMap, to dx: FeatureMap, _ pass: TuningPass) {
    let taps = WindowTaps(window, input: dx.size, output: dy.size)
    let weights = isPlain ? nil : turnedWeight(pass.pool)
    let length = Self.rows(of: dy.rows, depth: dx.channels)
    let scratch = pass.scratch(length * dx.channels)
    pass.pool.eachBlock(of: dy.rows, length) { rows, worker in
      let products = scratch[worker].buffer.pointer
      for group in 0..<groups {
        GEMM.multiply(
          m: rows.count, n: inputs, k: outputs,
          a: dy.pointer + rows.lowerBound * dy.channels + group * outputs, lda: dy.channels,
          b: weights.map { $0.pointer + group * outputs * inputs } ?? weight.value.pointer, ldb: inputs,
          c: products + group * inputs, ldc: dx.channels)
      }
      for row in rows {
        guard let source = taps.source(row, tap: 0) else { continue }
        let (target, from) = (
          dx.pointer + source * dx.channels, products + (row - rows.lowerBound) * dx.channels
        )
        for channel in 0..<dx.channels { target[channel] += from[channel] }
      }
    }
  }

  private static let rowsOfSums = 2048

  private func addWeightGradient(_ x: FeatureMap, _ dy: FeatureMap, to gradient: Tensor, _ pass: TuningPass) {
    let taps = WindowTaps(window, input: x.size, output: dy.size)
    // Every block gathers the pixels of its tap anew, which single taps need not do.
    let block = window.isPointwise ? 128 : 512
    let blocks = (outputs + block - 1) / block
    let sums = isPlain ? gradient : Tensor(uninitialized: [groups, self.taps, outputs, inputs])
    let scratch = window.isPointwise ? [] : pass.scratch(Self.rowsOfSums * inputs)
    pass.pool.forEach(groups * self.taps * blocks) { task, worker in
      let (group, rest) = (task / (self.taps * blocks), task % (self.taps * blocks))
      let (tap, first) = (rest / blocks, rest % blocks * block)
      let count = min(block, outputs - first)
      let target = sums.pointer + ((group * self.taps + tap) * outputs + first) * inputs
      for begin in stride(from: 0, to: dy.rows, by: Self.rowsOfSums) {
        let rows = begin..<min(begin + Self.rowsOfSums, dy.rows)
        var (b, width) = (x.pointer + begin * x.channels + group * inputs, x.channels)
        if !window.isPointwise {
          (b, width) = (scratch[worker].buffer.pointer, inputs)
          taps.gather(x, rows, channels: group * inputs..<(group + 1) * inputs, taps: tap..<tap + 1, into: b)
        }
        GEMM.multiply(
          m: count, n: inputs, k: rows.count,
          a: dy.pointer + begin * dy.channels + group * outputs + first, lda: dy.channels, transposeA: true,
          b: b, ldb: width, c: target, ldc: inputs, beta: begin == 0 && !isPlain ? 0 : 1)
      }
    }
    guard !isPlain else { return }
    // `[group][tap][output][input]` to PyTorch's `[group][output][input][tap]`.
    pass.pool.forEach(groups * outputs) { index, _ in
      let (group, output) = (index / outputs, index % outputs)
      let target = gradient.pointer + index * inputs * self.taps
      for tap in 0..<self.taps {
        let from = sums.pointer + ((group * self.taps + tap) * outputs + output) * inputs
        for input in 0..<inputs { target[input * self.taps + tap] += from[input] }
      }
    }
  }

  // MARK: Weights

  private func packedWeight(_ pool: ThreadPool) -> Tensor {
    if let packed { return packed }
    let result = Tensor(uninitialized: [groups, taps, inputs, outputs])
    pool.forEach(groups * taps) { index, _ in
      let (group, tap) = (index / taps, index % taps)
      let source = weight.value.pointer + group * outputs * inputs * taps + tap
      let target = result.pointer + index * inputs * outputs
      for output in 0..<outputs {
        for input in 0..<inputs {
          target[input * outputs + output] = source[(output * inputs + input) * taps]
        }
      }
    }
    packed = result
    return result
  }

  private func turnedWeight(_ pool: ThreadPool) -> Tensor {
    if let turned { return turned }
    let result = Tensor(uninitialized: [groups, taps, outputs, inputs])
    pool.forEach(groups * taps) { index, _ in
      let (group, tap) = (index / taps, index % taps)
      let source = weight.value.pointer + group * outputs * inputs * taps + tap
      let target = result.pointer + index * inputs * outputs
      for place in 0..<outputs * inputs { target[place] = source[place * taps] }
    }
    turned = result
    return result
  }
}
