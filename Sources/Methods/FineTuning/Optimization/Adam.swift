import Platform
import TensorMath

/// Adam (Kingma and Ba 2015, algorithm 1), with L2 decay as in `torch.optim.Adam`, decoupled decay
/// (Loshchilov and Hutter 2019, "AdamW") or the layer-wise trust ratio of LAMB (You et al. 2020, algorithm
/// 2). Float32.
final class Adam: Optimizer {
  enum Variant: Sendable { case adam, adamW, lamb }

  private let variant: Variant
  private let beta1: Double
  private let beta2: Double
  private let eps: Float
  private let weightDecay: Float
  private let trust: TuningOptions.TrustRatio
  private var steps = 0
  private var first: [Tensor] = []
  private var second: [Tensor] = []

  init(
    _ variant: Variant, beta1: Double = 0.9, beta2: Double = 0.999, weightDecay: Double,
    trustRatio: TuningOptions.TrustRatio = .decayed
  ) {
    self.variant = variant
    trust = trustRatio
    self.beta1 = beta1
    self.beta2 = beta2
    // Values of the papers and PyTorch.
    eps = variant == .lamb ? 1e-6 : 1e-8
    self.weightDecay = Float(weightDecay)
  }

  var state: OptimizerState {
    get { OptimizerState(steps: steps, slots: (first + second).map(\.values)) }
    set {
      steps = newValue.steps
      let tensors = newValue.slots.map { Tensor(shape: [$0.count], values: $0) }
      first = Array(tensors.prefix(tensors.count / 2))
      second = Array(tensors.suffix(tensors.count / 2))
    }
  }

  func step(_ parameters: [TrainableParameter], learningRate: Double, pool: ThreadPool) {
    if first.isEmpty {
      first = parameters.map { Tensor(shape: [$0.count]) }
      second = parameters.map { Tensor(shape: [$0.count]) }
    }
    steps += 1
    let correction1 = 1 - power(beta1, steps)
    let correction2 = Float((1 - power(beta2, steps)).squareRoot())
    for (index, parameter) in parameters.enumerated() {
      let w = parameter.value.pointer
      let gradient = parameter.gradient.pointer
      let m = first[index].pointer
      let v = second[index].pointer
      let decay = parameter.decays ? weightDecay : 0
      let learningRate = learningRate * parameter.rateScale
      let (b1, b2) = (Float(beta1), Float(beta2))
      // The direction stays in the gradient's storage, where LAMB scales it by the trust ratio.
      func direction(_ range: Range<Int>) {
        for i in range {
          let g = variant == .adam ? gradient[i] + decay * w[i] : gradient[i]
          m[i] += (1 - b1) * (g - m[i])
          v[i] = b2 * v[i] + (1 - b2) * g * g
          var update = m[i] / Float(correction1) / (v[i].squareRoot() / correction2 + eps)
          if variant != .adam { update += decay * w[i] }
          gradient[i] = update
        }
      }
      pool.forEachRange(of: parameter.count, length: 1 << 15, direction)
      let isTrusted = variant == .lamb && (trust == .always || decay > 0)
      let ratio = isTrusted ? trustRatio(parameter) : 1
      let rate = Float(learningRate * ratio)
      pool.forEachRange(of: parameter.count, length: 1 << 15) { range in
        for i in range { w[i] -= rate * gradient[i] }
      }
    }
  }

  /// ‖w‖ / ‖update‖, and 1 where either is zero.
  private func trustRatio(_ parameter: TrainableParameter) -> Double {
    let weight = parameter.value.norm
    let update = parameter.gradient.norm
    return weight > 0 && update > 0 ? weight / update : 1
  }

  /// base^exponent by repeated multiplication; a base below 1 soon no longer changes the product.
  private func power(_ base: Double, _ exponent: Int) -> Double {
    var value = 1.0
    for _ in 0..<exponent {
      let next = value * base
      if next == value { break }
      value = next
    }
    return value
  }
}

extension Tensor {
  /// Euclidean length, accumulated in float64.
  var norm: Double {
    var sum = 0.0
    for i in 0..<count { sum += Double(pointer[i]) * Double(pointer[i]) }
    return sum.squareRoot()
  }
}
