import TensorMath

/// Changes parameters along their gradients.
protocol Optimizer: AnyObject {
  /// One step at `learningRate`; the order and number of parameters are the same at every call.
  func step(_ parameters: [Parameter], learningRate: Double, pool: ThreadPool)
}
