/// L-BFGS on the classifier over fixed features (Nocedal and Wright 2006, algorithms 7.4 and 7.5): one
/// iteration per epoch, all samples at once.
///
/// The objective is the loss plus ½·weightDecay·‖weight‖². With cross-entropy it is convex, so that the minimum
/// depends neither on the start nor on an order, and iterations up to a tolerance replace the choice of learning
/// rate and schedule. The step length meets the weak Wolfe conditions, found by bisection (Lewis and Overton 2013,
/// algorithm 2.6), near the minimum the approximate ones, which rounding of the value does not disturb (Hager and
/// Zhang 2005, section 4). Vectors are float64, the underlying products float32. Takes memory for two logits per
/// sample and class, in float64.
final class QuasiNewtonRun: TuningRun {
  private let options: TuningOptions
  private let tail: Tail
  private let samples: LabelledFeatures
  private var point: [Double]
  private var value = 0.0
  /// Amount by which the last iteration lowered the value.
  private var gain = Double.infinity
  private var gradient: [Double]
  private var metrics = Metrics()
  private var history: [(s: [Double], y: [Double], rho: Double)] = []
  private(set) var epoch = 0

  private static let memory = 10
  /// Share of the slope by which a step must lower the value.
  private static let decrease = 1e-4
  /// Relative gain below which the iterations end once the minimum is near.
  private static let leastGain = 1e-9
  /// Relative rounding of the value in float32.
  private static let rounding = 2e-7

  init(_ options: TuningOptions, tail: Tail, samples: LabelledFeatures) throws {
    self.options = options
    self.tail = tail
    self.samples = samples
    point = (tail.weight.value.values + (tail.bias?.value.values ?? [])).map(Double.init)
    gradient = point
    value = try evaluate(point, &gradient)
  }

  var result: TailParameters {
    let weightCount = tail.weight.count
    var trained = [tail.weight]
    var values = [Array(point.prefix(weightCount))]
    if let bias = tail.bias {
      trained.append(bias)
      values.append(Array(point.dropFirst(weightCount)))
    }
    return tail.parameters(replacing: trained, by: values)
  }

  func observe(_ loss: Double) {}

  /// The distance from the minimum, as the gradient shows it.
  var optimality: Optimality? {
    let weightCount = tail.weight.count
    let weightNorm = point.prefix(weightCount).reduce(0) { $0 + $1 * $1 }.squareRoot()
    return Optimality(
      gradientNorm: dot(gradient, gradient).squareRoot(), weightNorm: weightNorm,
      weightDecay: options.weightDecay)
  }

  /// Runs one iteration; nil at the minimum, and when nothing is left to gain in float32.
  func trainEpoch(
    onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double)? {
    guard optimality?.isReached != true || gain > Self.leastGain * max(1, abs(value)) else { return nil }
    var direction = descentDirection()
    if !(dot(gradient, direction) < 0) {
      history = []
      direction = descentDirection()
    }
    let slope = dot(gradient, direction)
    guard slope < 0, let step = try search(along: direction, slope: slope) else { return nil }
    let s = zip(step.point, point).map { $0 - $1 }
    let y = zip(step.gradient, gradient).map { $0 - $1 }
    let curvature = dot(s, y)
    if curvature > 0 {
      history.append((s, y, 1 / curvature))
      if history.count > Self.memory { history.removeFirst() }
    }
    gain = value - step.value
    (point, value, gradient) = (step.point, step.value, step.gradient)
    epoch += 1
    try onStep(StepRecord(epoch: epoch, step: 1, learningRate: step.length, loss: value))
    return (metrics, step.length)
  }

  /// The two-loop recursion: −H·gradient.
  private func descentDirection() -> [Double] {
    var q = gradient
    var alphas: [Double] = []
    for pair in history.reversed() {
      let alpha = pair.rho * dot(pair.s, q)
      alphas.append(alpha)
      for i in q.indices { q[i] -= alpha * pair.y[i] }
    }
    // The first step has unit length; later ones start from the newest curvature.
    let scale =
      history.last.map { 1 / ($0.rho * dot($0.y, $0.y)) } ?? 1 / max(1e-30, dot(q, q).squareRoot())
    for i in q.indices { q[i] *= scale }
    for (pair, alpha) in zip(history, alphas.reversed()) {
      let beta = pair.rho * dot(pair.y, q)
      for i in q.indices { q[i] += (alpha - beta) * pair.s[i] }
    }
    return q.map { -$0 }
  }

  private struct SearchStep {
    let length: Double
    let point: [Double]
    let value: Double
    let gradient: [Double]
  }

  private func search(along direction: [Double], slope: Double) throws -> SearchStep? {
    var low = 0.0
    var high = Double.infinity
    var length = 1.0
    for _ in 0..<40 {
      let candidate = zip(point, direction).map { $0 + length * $1 }
      var candidateGradient = gradient
      let found = try evaluate(candidate, &candidateGradient)
      let candidateSlope = dot(candidateGradient, direction)
      let isLower =
        found <= value + Self.decrease * length * slope
        || (found <= value + Self.rounding * abs(value) && candidateSlope <= (2 * Self.decrease - 1) * slope)
      if !isLower {
        high = length
      } else if candidateSlope < 0.9 * slope {
        low = length
      } else {
        return SearchStep(length: length, point: candidate, value: found, gradient: candidateGradient)
      }
      length = high.isFinite ? (low + high) / 2 : 2 * low
    }
    return nil
  }

  private func images(_ rows: ArraySlice<Int>) -> FeatureRows {
    FeatureRows(maps: samples.features, rows: rows)
  }

  private func evaluate(_ x: [Double], _ gradient: inout [Double]) throws -> Double {
    let weightCount = tail.weight.count
    for i in 0..<weightCount { tail.weight.value.pointer[i] = Float(x[i]) }
    if let bias = tail.bias {
      for i in 0..<bias.count { bias.value.pointer[i] = Float(x[weightCount + i]) }
    }
    let rows = Array(0..<samples.features.shape.count)
    let chunks = stride(from: 0, to: rows.count, by: tail.capacity).map {
      rows[$0..<min($0 + tail.capacity, rows.count)]
    }
    let batch = samples.batch(
      rows[...], logits: chunks.flatMap { tail.forward(images($0)) }, classes: tail.classes)
    var byLogits = [Double](repeating: 0, count: batch.logits.count)
    var total = options.loss.evaluate(batch, gradient: &byLogits)
    guard total.isFinite else { throw TuningError.diverged(epoch: epoch + 1, step: 1, loss: total) }
    metrics = Metrics()
    metrics.add(batch, loss: total)

    for i in 0..<weightCount {
      gradient[i] = options.weightDecay * x[i]
      total += 0.5 * options.weightDecay * x[i] * x[i]
    }
    for i in weightCount..<gradient.count { gradient[i] = 0 }
    for chunk in chunks {
      tail.poolFeatures(images(chunk))
      let range = chunk.startIndex * tail.classes..<chunk.endIndex * tail.classes
      tail.backward(Array(byLogits[range]), rows: chunk.count, trainsNorm: false)
      for i in 0..<weightCount { gradient[i] += Double(tail.weight.gradient.pointer[i]) }
      guard let bias = tail.bias else { continue }
      for i in 0..<bias.count { gradient[weightCount + i] += Double(bias.gradient.pointer[i]) }
    }
    return total
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for i in a.indices { sum += a[i] * b[i] }
  return sum
}
