import CNetworkKernels
import NetworkGraphs
import Platform
import TensorMath

/// Attention across maps, with talking heads, position biases and rotary embeddings, and attention between channels.
extension Executor {
  func attendAcross(_ step: PlanStep, _ attention: CrossAttention, into output: FeatureMap) {
    if let talking = network.parameters.mixers[step.node]?.talking {
      attendTalking(step, attention, talking, into: output)
    } else {
      attendHeadByHead(step, attention, into: output)
    }
  }

  private func attendHeadByHead(_ step: PlanStep, _ attention: CrossAttention, into output: FeatureMap) {
    let (q, k, v) = (map(step.inputs[0]), map(step.inputs[1]), map(step.inputs[2]))
    let (queries, keys) = (q.size.pixels, k.size.pixels)
    let (width, valueWidth) = (q.size.channels / attention.heads, v.size.channels / attention.keyHeads)
    let shared = attention.heads / attention.keyHeads
    let biases = network.parameters.mixers[step.node]?.biases
    let positions = network.parameters.mixers[step.node]?.positions
    let blocks = blocksOfQueries(queries, scoresPerQuery: keys)
    let scratch = scratch(((queries + blocks - 1) / blocks) * keys)
    pool.forEach(images * attention.heads * blocks) { task, worker in
      let (image, rest) = (task / (attention.heads * blocks), task % (attention.heads * blocks))
      let (head, block) = (rest / blocks, rest % blocks)
      let rows = block * queries / blocks..<(block + 1) * queries / blocks
      let scores = scratch[worker].buffer.pointer
      GEMM.multiply(
        m: rows.count, n: keys, k: width,
        a: q.image(image) + rows.lowerBound * q.stride + head * width, lda: q.stride,
        b: k.image(image) + head / shared * width, ldb: k.stride, transposeB: true, c: scores, ldc: keys,
        alpha: attention.scale)
      positions?.add(
        to: scores, of: rows, q.image(image) + rows.lowerBound * q.stride + head * width, stride: q.stride)
      var job = ck_softmax(
        x: scores, x_stride: keys,
        bias: biases.map { UnsafePointer($0.pointer + (head * queries + rows.lowerBound) * keys) },
        bias_stride: keys, rows: rows.count, columns: keys)
      kernels.softmax(&job)
      GEMM.multiply(
        m: rows.count, n: valueWidth, k: keys, a: scores, lda: keys,
        b: v.image(image) + head / shared * valueWidth, ldb: v.stride,
        c: output.image(image) + rows.lowerBound * output.stride + head * valueWidth, ldc: output.stride)
    }
  }

  /// Number of blocks of queries: by their number alone, as BLAS may round differently for other numbers of rows.
  private func blocksOfQueries(_ queries: Int, scoresPerQuery: Int) -> Int {
    let most = max(16, (1 << 16) / scoresPerQuery)
    return (queries + most - 1) / most
  }

  private func attendTalking(
    _ step: PlanStep, _ attention: CrossAttention,
    _ talking: (before: (weight: [Float], bias: [Float]), after: (weight: [Float], bias: [Float])),
    into output: FeatureMap
  ) {
    let (q, k, v) = (map(step.inputs[0]), map(step.inputs[1]), map(step.inputs[2]))
    let (queries, keys) = (q.size.pixels, k.size.pixels)
    let heads = attention.heads
    let (width, valueWidth) = (q.size.channels / heads, v.size.channels / heads)
    let biases = network.parameters.mixers[step.node]?.biases
    let blocks = blocksOfQueries(queries, scoresPerQuery: heads * keys)
    let most = (queries + blocks - 1) / blocks * keys
    let scratch = scratch(2 * heads * most)
    pool.forEach(images * blocks) { task, worker in
      let (image, block) = (task / blocks, task % blocks)
      let rows = block * queries / blocks..<(block + 1) * queries / blocks
      let count = rows.count * keys
      let (scores, mixed) = (scratch[worker].buffer.pointer, scratch[worker].buffer.pointer + heads * most)
      for head in 0..<heads {
        GEMM.multiply(
          m: rows.count, n: keys, k: width,
          a: q.image(image) + rows.lowerBound * q.stride + head * width, lda: q.stride,
          b: k.image(image) + head * width, ldb: k.stride, transposeB: true, c: scores + head * count,
          ldc: keys, alpha: attention.scale)
      }
      Self.mix(talking.before, heads: heads, count: count, from: scores, to: mixed)
      for head in 0..<heads {
        var job = ck_softmax(
          x: mixed + head * count, x_stride: keys,
          bias: biases.map { UnsafePointer($0.pointer + (head * queries + rows.lowerBound) * keys) },
          bias_stride: keys, rows: rows.count, columns: keys)
        kernels.softmax(&job)
      }
      Self.mix(talking.after, heads: heads, count: count, from: mixed, to: scores)
      for head in 0..<heads {
        GEMM.multiply(
          m: rows.count, n: valueWidth, k: keys, a: scores + head * count, lda: keys,
          b: v.image(image) + head * valueWidth, ldb: v.stride,
          c: output.image(image) + rows.lowerBound * output.stride + head * valueWidth, ldc: output.stride)
      }
    }
  }

  /// A fully connected layer across the heads of some scores, [head][score].
  private static func mix(
    _ layer: (weight: [Float], bias: [Float]), heads: Int, count: Int, from x: UnsafePointer<Float>,
    to y: UnsafeMutablePointer<Float>
  ) {
    for head in 0..<heads {
      for index in head * count..<(head + 1) * count { y[index] = layer.bias[head] }
    }
    layer.weight.withUnsafeBufferPointer {
      GEMM.multiply(
        m: heads, n: count, k: heads, a: $0.baseAddress!, lda: heads, b: x, ldb: count, c: y, ldc: count,
        beta: 1)
    }
  }

  /// In every head, with columns q_i, k_j of queries and keys over the tokens: the softmax over j of a factor times q_i k_j
  /// weighs the channels of the values. With a temperature the factor is temperature / (|q_i| |k_j|).
  func attendBetweenChannels(_ step: PlanStep, _ attention: CrossCovariance, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (tokens, channels) = (input.size.pixels, output.size.channels)
    let width = channels / attention.heads
    let temperatures = network.parameters.factors[step.node]?.scale
    let factor: Float =
      switch attention.factor {
      case .temperature: 1
      case .constant(let number): number
      case .tokens: 1 / Float(tokens).squareRoot()
      }
    let scratch = scratch(width * (width + 2))
    pool.forEach(images * attention.heads) { task, worker in
      let (image, head) = (task / attention.heads, task % attention.heads)
      let q = input.image(image) + head * width
      let (k, v) = (q + channels, q + 2 * channels)
      let scores = scratch[worker].buffer.pointer
      let (queryNorms, keyNorms) = (scores + width * width, scores + width * (width + 1))
      GEMM.multiply(
        m: width, n: width, k: tokens, a: q, lda: input.stride, transposeA: true, b: k, ldb: input.stride,
        c: scores, ldc: width, alpha: factor)
      if let temperatures {
        Self.norms(of: q, stride: input.stride, pixels: tokens, channels: width, into: queryNorms)
        Self.norms(of: k, stride: input.stride, pixels: tokens, channels: width, into: keyNorms)
        for row in 0..<width {
          let factor = temperatures[head] / max(queryNorms[row], 1e-12)
          for column in 0..<width { scores[row * width + column] *= factor / max(keyNorms[column], 1e-12) }
        }
      }
      var job = ck_softmax(
        x: scores, x_stride: width, bias: nil, bias_stride: 0, rows: width, columns: width)
      kernels.softmax(&job)
      GEMM.multiply(
        m: tokens, n: width, k: width, a: v, lda: input.stride, b: scores, ldb: width, transposeB: true,
        c: output.image(image) + head * width, ldc: output.stride)
    }
  }

  func attendLinearly(_ step: PlanStep, _ attention: LinearAttention, into output: FeatureMap) {
    switch attention.form {
    case .quotient(let eps): attendByQuotient(step, heads: attention.heads, eps: eps, into: output)
    case .softmax(let scale): attendBySoftmaxOfKeys(step, heads: attention.heads, scale: scale, into: output)
    }
  }

  /// In every head: scale q (K^T V) of keys whose channels are their softmax over the tokens.
  private func attendBySoftmaxOfKeys(_ step: PlanStep, heads: Int, scale: Float, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let tokens = input.size.pixels
    let width = output.size.channels / heads
    let scratch = scratch(width * width + width * tokens)
    pool.forEach(images * heads) { task, worker in
      let (image, head) = (task / heads, task % heads)
      let q = input.image(image) + 3 * head * width
      let (k, v) = (q + width, q + 2 * width)
      let products = scratch[worker].buffer.pointer
      // Keys channel by channel, as the softmax takes rows.
      let keys = products + width * width
      for token in 0..<tokens {
        for channel in 0..<width { keys[channel * tokens + token] = k[token * input.stride + channel] }
      }
      var job = ck_softmax(
        x: keys, x_stride: tokens, bias: nil, bias_stride: 0, rows: width, columns: tokens)
      kernels.softmax(&job)
      GEMM.multiply(
        m: width, n: width, k: tokens, a: keys, lda: tokens, b: v, ldb: input.stride, c: products, ldc: width,
        alpha: scale)
      GEMM.multiply(
        m: tokens, n: width, k: width, a: q, lda: input.stride, b: products, ldb: width,
        c: output.image(image) + head * width, ldc: output.stride)
    }
  }

  /// In every head: q (K^T V) / (q K^T 1 + eps) of queries and keys that are max(x, 0).
  private func attendByQuotient(_ step: PlanStep, heads: Int, eps: Float, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let tokens = input.size.pixels
    let width = output.size.channels / heads
    // The last column holds the sums of keys, for a value of 1.
    let columns = width + 1
    let scratch = scratch((width + 1) * columns)
    pool.forEach(images * heads) { task, worker in
      let (image, head) = (task / heads, task % heads)
      let first = input.image(image) + 3 * head * width
      let products = scratch[worker].buffer.pointer
      products.update(repeating: 0, count: width * columns)
      for token in 0..<tokens {
        let k = first + token * input.stride + width
        let v = k + width
        for row in 0..<width where !(k[row] <= 0) {
          let (key, sums) = (k[row], products + row * columns)
          for column in 0..<width { sums[column] += key * v[column] }
          sums[width] += key
        }
      }
      let sums = products + width * columns
      for token in 0..<tokens {
        let q = first + token * input.stride
        sums.update(repeating: 0, count: columns)
        for row in 0..<width where !(q[row] <= 0) {
          let (query, factors) = (q[row], products + row * columns)
          for column in 0..<columns { sums[column] += query * factors[column] }
        }
        let y = output.image(image) + token * output.stride + head * width
        for column in 0..<width { y[column] = sums[column] / (sums[width] + eps) }
      }
    }
  }

  func rotate(_ step: PlanStep, _ rotation: RotaryEmbedding, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let width = output.size.channels / rotation.heads
    let pairs = width / 2
    let (rows, columns) = (sizes[0].height / rotation.patch, sizes[0].width / rotation.patch)
    let tokens = rows * columns
    precondition(rotation.prefixCount + tokens == output.size.pixels, "tokens of another grid")
    let table = network.tables.table(node: step.node, height: rows, width: columns) {
      rotation.table(
        rows: rows, columns: columns, pairs: pairs,
        frequencies: network.parameters.factors[step.node]?.scale)
    }
    let perHead = table.shape[0] == 1 ? 0 : tokens * pairs * 2
    let (first, second, step) = rotation.pairsHalves ? (0, pairs, 1) : (0, 1, 2)
    pool.forEach(images) { image, _ in
      var (x, y) = (input.image(image), output.image(image))
      for token in 0..<output.size.pixels {
        if token < rotation.prefixCount {
          y.update(from: x, count: output.size.channels)
        } else {
          for head in 0..<rotation.heads {
            let angles = table.pointer + head * perHead + (token - rotation.prefixCount) * pairs * 2
            let (from, to) = (x + head * width, y + head * width)
            for pair in 0..<pairs {
              let (cosine, sine) = (angles[2 * pair], angles[2 * pair + 1])
              let (a, b) = (from[first + pair * step], from[second + pair * step])
              to[first + pair * step] = a * cosine - b * sine
              to[second + pair * step] = b * cosine + a * sine
            }
          }
        }
        x += input.stride
        y += output.stride
      }
    }
  }
}
