import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Multi-head attention, head by head: the scores of some queries of one head are in the cache at a time, and no map of
/// all scores is ever made.
extension Executor {
  func attend(_ step: PlanStep, _ attention: Attention, into output: FeatureMap) {
    if let windows = attention.windows {
      attendInWindows(step, attention, windows, into: output)
    } else {
      attendToAll(step, attention, into: output)
    }
  }

  private func attendToAll(_ step: PlanStep, _ attention: Attention, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    let (tokens, head) = (input.size.pixels, channels / attention.heads)
    // The division depends on the number of tokens alone, as BLAS may round differently for other numbers of rows.
    let most = max(16, Self.scoresAtOnce / tokens)
    let blocks = (tokens + most - 1) / most
    let scratch = scratch(((tokens + blocks - 1) / blocks) * tokens)
    pool.forEach(images * attention.heads * blocks) { task, worker in
      let (image, rest) = (task / (attention.heads * blocks), task % (attention.heads * blocks))
      let (index, block) = (rest / blocks, rest % blocks)
      let rows = block * tokens / blocks..<(block + 1) * tokens / blocks
      let first = input.image(image) + index * head
      let scores = scratch[worker].buffer.pointer
      GEMM.multiply(
        m: rows.count, n: tokens, k: head, a: first + rows.lowerBound * input.stride, lda: input.stride,
        b: first + channels, ldb: input.stride, transposeB: true, c: scores, ldc: tokens,
        alpha: 1 / Float(head).squareRoot())
      var job = ck_softmax(
        x: scores, x_stride: tokens, bias: nil, bias_stride: 0, rows: rows.count, columns: tokens)
      kernels.softmax(&job)
      GEMM.multiply(
        m: rows.count, n: head, k: tokens, a: scores, lda: tokens, b: first + 2 * channels,
        ldb: input.stride, c: output.image(image) + rows.lowerBound * output.stride + index * head,
        ldc: output.stride)
    }
  }

  private static let scoresAtOnce = 1 << 16

  private func attendInWindows(
    _ step: PlanStep, _ attention: Attention, _ windows: AttentionWindows, into output: FeatureMap
  ) {
    let input = map(step.inputs[0])
    let weights = network.parameters.attentions[step.node]!
    let channels = output.size.channels
    let head = channels / attention.heads
    let grid = WindowGrid(windows, height: input.size.height, width: input.size.width)
    let tokens = grid.tokens
    let biases = network.tables.table(node: step.node, height: grid.rows.side, width: grid.columns.side) {
      weights.positions.biases(
        heads: attention.heads, rows: grid.rows.side, columns: grid.columns.side)
    }
    // Of every window, for all images and heads.
    let places = (0..<grid.count).map { (sources: grid.sources(of: $0), regions: grid.regions(of: $0)) }
    let scratch = scratch(tokens * (4 * channels + tokens))
    pool.forEach(images * grid.count) { task, worker in
      let image = task / grid.count
      let (sources, regions) = places[task % grid.count]
      let fields = scratch[worker].buffer.pointer
      let (results, scores) = (fields + tokens * 3 * channels, fields + tokens * 4 * channels)
      for (token, source) in sources.enumerated() {
        let target = fields + token * 3 * channels
        if let source {
          target.update(from: input.image(image) + source * input.stride, count: 3 * channels)
        } else {
          weights.filling.withUnsafeBufferPointer {
            target.update(from: $0.baseAddress!, count: 3 * channels)
          }
        }
      }
      for index in 0..<attention.heads {
        let first = fields + index * head
        var scale = 1 / Float(head).squareRoot()
        if let scales = weights.scales {
          scale = scales[index]
          for part in 0..<2 {
            Self.normalize(first + part * channels, stride: 3 * channels, rows: tokens, count: head)
          }
        }
        GEMM.multiply(
          m: tokens, n: tokens, k: head, a: first, lda: 3 * channels, b: first + channels,
          ldb: 3 * channels, transposeB: true, c: scores, ldc: tokens, alpha: scale)
        if let regions {
          for row in 0..<tokens {
            for column in 0..<tokens where regions[row] != regions[column] {
              scores[row * tokens + column] -= 100
            }
          }
        }
        var job = ck_softmax(
          x: scores, x_stride: tokens, bias: biases.pointer + index * tokens * tokens, bias_stride: tokens,
          rows: tokens, columns: tokens)
        kernels.softmax(&job)
        GEMM.multiply(
          m: tokens, n: head, k: tokens, a: scores, lda: tokens, b: first + 2 * channels,
          ldb: 3 * channels, c: results + index * head, ldc: channels)
      }
      for (token, source) in sources.enumerated() {
        guard let source else { continue }
        (output.image(image) + source * output.stride).update(
          from: results + token * channels, count: channels)
      }
    }
  }

  /// Divides rows by their Euclidean norms, as PyTorch's `normalize`.
  private static func normalize(_ x: UnsafeMutablePointer<Float>, stride: Int, rows: Int, count: Int) {
    for row in 0..<rows {
      let x = x + row * stride
      var sum: Float = 0
      for index in 0..<count { sum += x[index] * x[index] }
      let scale = 1 / max(sum.squareRoot(), 1e-12)
      for index in 0..<count { x[index] *= scale }
    }
  }
}

/// The windows of a map: which pixel each of their tokens is.
private struct WindowGrid {
  struct Axis {
    /// Pixels of the map, and those with the filling.
    let extent: Int
    let whole: Int
    let side: Int
    let shift: Int
    let filling: AttentionWindows.Filling
    let arrangement: AttentionWindows.Arrangement

    var count: Int { whole / side }

    /// The pixel at a position of the shifted map; nil for one that fills it up.
    func source(_ position: Int) -> Int? {
      if arrangement == .grid { return position % side * count + position / side }
      switch filling {
      case .beforeShift:
        let place = (position + shift) % whole
        return place < extent ? place : nil
      case .afterShift: return position < extent ? (position + shift) % extent : nil
      }
    }

    /// Numbers of the parts of the map that the shift has brought together: they do not attend to each other.
    func region(_ position: Int) -> Int {
      if shift == 0 || position < whole - side { return 0 }
      return position < whole - shift ? 1 : 2
    }
  }

  let rows: Axis
  let columns: Axis

  init(_ windows: AttentionWindows, height: Int, width: Int) {
    func axis(_ extent: Int) -> Axis {
      let side = windows.side(for: extent)
      return Axis(
        extent: extent, whole: (extent + side - 1) / side * side, side: side,
        shift: windows.shift(for: extent), filling: windows.filling, arrangement: windows.arrangement)
    }
    (rows, columns) = (axis(height), axis(width))
  }

  var count: Int { rows.count * columns.count }
  var tokens: Int { rows.side * columns.side }

  private func each<Result>(_ window: Int, _ body: (_ row: Int, _ column: Int) -> Result) -> [Result] {
    let (top, left) = (window / columns.count * rows.side, window % columns.count * columns.side)
    return (0..<tokens).map { body(top + $0 / columns.side, left + $0 % columns.side) }
  }

  /// The pixels of a window's tokens.
  func sources(of window: Int) -> [Int?] {
    each(window) { row, column in
      guard let row = rows.source(row), let column = columns.source(column) else { return nil }
      return row * columns.extent + column
    }
  }

  /// The regions of a window's tokens; nil where all are in one.
  func regions(of window: Int) -> [Int]? {
    let regions = each(window) { rows.region($0) * 3 + columns.region($1) }
    return regions.allSatisfy { $0 == regions[0] } ? nil : regions
  }
}
