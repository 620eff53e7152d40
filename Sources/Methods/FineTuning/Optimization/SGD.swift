import Platform
import TensorMath

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` defines it (dampening 0).
///
/// With weight decay λ and momentum μ: g ← g + λw, v ← μv + g, w ← w − η·v, or w ← w − η·(g + μv) with
/// Nesterov's variant. Float32.
final class SGD: Optimizer {
  private let momentum: Float
  private let weightDecay: Float
  private let nesterov: Bool
  private var steps = 0
  private var velocities: [Tensor] = []

  init(momentum: Double, weightDecay: Double, nesterov: Bool) {
    self.momentum = Float(momentum)
    self.weightDecay = Float(weightDecay)
    self.nesterov = nesterov
  }

  var state: OptimizerState {
    get { OptimizerState(steps: steps, slots: velocities.map(\.values)) }
    set {
      steps = newValue.steps
      velocities = newValue.slots.map { Tensor(shape: [$0.count], values: $0) }
    }
  }

  func step(_ parameters: [TrainableParameter], learningRate: Double, pool: ThreadPool) {
    if velocities.isEmpty { velocities = parameters.map { Tensor(shape: [$0.count]) } }
    steps += 1
    for (parameter, velocity) in zip(parameters, velocities) {
      let w = parameter.value.pointer
      let gradient = parameter.gradient.pointer
      let v = velocity.pointer
      let decay = parameter.decays ? weightDecay : 0
      let rate = Float(learningRate * parameter.rateScale)
      pool.forEachRange(of: parameter.count, length: 1 << 15) { range in
        for i in range {
          let g = gradient[i] + decay * w[i]
          v[i] = momentum * v[i] + g
          w[i] -= rate * (nesterov ? g + momentum * v[i] : v[i])
        }
      }
    }
  }
}
