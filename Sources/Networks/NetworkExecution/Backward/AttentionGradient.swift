import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Multi-head attention of all tokens to all: O = P V with P = softmax(Q Kᵀ / √width) for every head.
///
/// dV = Pᵀ dO, dP = dO Vᵀ, dS = P·(dP − Σ over keys of P·dP), dQ = dS K / √width, dK = dSᵀ Q / √width. P is made again in
/// the backward pass, so that no map of all scores is kept.
final class AttentionGradient: LayerGradient {
  private let heads: Int

  init(heads: Int) { self.heads = heads }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let (tokens, channels) = (y.size.pixels, y.channels)
    let width = channels / heads
    let scratch = pass.scratch(tokens * tokens)
    pass.pool.forEach(y.images * heads) { task, worker in
      let (image, head) = (task / heads, task % heads)
      let (qkv, scores) = (x[0].image(image) + head * width, scratch[worker].buffer.pointer)
      weights(qkv, tokens: tokens, channels: channels, into: scores, pass)
      GEMM.multiply(
        m: tokens, n: width, k: tokens, a: scores, lda: tokens, b: qkv + 2 * channels, ldb: 3 * channels,
        c: y.image(image) + head * width, ldc: channels)
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    guard let dx = dx[0] else { return }
    let (tokens, channels) = (y.size.pixels, y.channels)
    let width = channels / heads
    let scale = 1 / Float(width).squareRoot()
    let scratch = pass.scratch(2 * tokens * tokens)
    pass.pool.forEach(y.images * heads) { task, worker in
      let (image, head) = (task / heads, task % heads)
      let (qkv, target) = (x[0].image(image) + head * width, dx.image(image) + head * width)
      let slope = dy.image(image) + head * width
      let p = scratch[worker].buffer.pointer
      let s = p + tokens * tokens
      weights(qkv, tokens: tokens, channels: channels, into: p, pass)
      GEMM.multiply(
        m: tokens, n: width, k: tokens, a: p, lda: tokens, transposeA: true, b: slope, ldb: channels,
        c: target + 2 * channels, ldc: 3 * channels, beta: 1)
      GEMM.multiply(
        m: tokens, n: tokens, k: width, a: slope, lda: channels, b: qkv + 2 * channels, ldb: 3 * channels,
        transposeB: true, c: s, ldc: tokens)
      for query in 0..<tokens {
        let (row, ds) = (p + query * tokens, s + query * tokens)
        var sum: Float = 0
        for key in 0..<tokens { sum += row[key] * ds[key] }
        for key in 0..<tokens { ds[key] = row[key] * (ds[key] - sum) }
      }
      GEMM.multiply(
        m: tokens, n: width, k: tokens, a: s, lda: tokens, b: qkv + channels, ldb: 3 * channels, c: target,
        ldc: 3 * channels, alpha: scale, beta: 1)
      GEMM.multiply(
        m: tokens, n: width, k: tokens, a: s, lda: tokens, transposeA: true, b: qkv, ldb: 3 * channels,
        c: target + channels, ldc: 3 * channels, alpha: scale, beta: 1)
    }
  }

  /// The softmax of the scores of one head, `[query][key]`.
  private func weights(
    _ qkv: UnsafePointer<Float>, tokens: Int, channels: Int, into scores: UnsafeMutablePointer<Float>,
    _ pass: TuningPass
  ) {
    let width = channels / heads
    GEMM.multiply(
      m: tokens, n: tokens, k: width, a: qkv, lda: 3 * channels, b: qkv + channels, ldb: 3 * channels,
      transposeB: true, c: scores, ldc: tokens, alpha: 1 / Float(width).squareRoot())
    var job = ck_softmax(
      x: scores, x_stride: tokens, bias: nil, bias_stride: 0, rows: tokens, columns: tokens)
    pass.kernels.softmax(&job)
  }
}
