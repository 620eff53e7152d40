import NetworkGraphs
import Foundation

@testable import FineTuning

/// The last layers written out in float64, one value at a time: what the module's kernel is held against.
struct ReferenceTail {
  var images: [[Double]]  // per image [positions * channels]
  var residuals: [[Double]]?
  var labels: [Int]
  var positions: Int
  var channels: Int
  var classes: Int
  var weight: [Double]
  var bias: [Double]
  var gamma: [Double]
  var beta: [Double]
  var eps = 1e-5
  var activation: Activation
  var loss: any ClassificationLoss = CrossEntropy()

  func value(_ z: Double) -> Double {
    switch activation {
    case .identity: z
    case .relu: max(0, z)
    case .relu6: min(6, max(0, z))
    case .sigmoid: 1 / (1 + exp(-z))
    case .silu: z / (1 + exp(-z))
    case .hardsigmoid: min(6, max(0, z + 3)) / 6
    case .hardswish: z * min(6, max(0, z + 3)) / 6
    case .gelu: z * (1 + erf(z / 2.0.squareRoot())) / 2
    case .geluTanh: z * (1 + tanh((2 / Double.pi).squareRoot() * (z + 0.044715 * z * z * z))) / 2
    case .quickGelu: z / (1 + exp(-1.702 * z))
    }
  }

  /// Loss of all images as one batch with the batch's statistics.
  func batchLoss() -> Double {
    let n = Double(images.count * positions)
    var logits: [Double] = []
    var mean = [Double](repeating: 0, count: channels)
    var variance = mean
    for c in 0..<channels {
      let column = images.flatMap { image in (0..<positions).map { image[$0 * channels + c] } }
      mean[c] = column.reduce(0, +) / n
      variance[c] = column.reduce(0) { $0 + ($1 - mean[c]) * ($1 - mean[c]) } / n
    }
    for (index, image) in images.enumerated() {
      var pooled = [Double](repeating: 0, count: channels)
      for p in 0..<positions {
        for c in 0..<channels {
          var z = gamma[c] * (image[p * channels + c] - mean[c]) / (variance[c] + eps).squareRoot() + beta[c]
          if let residuals { z += residuals[index][p * channels + c] }
          pooled[c] += value(z) / Double(positions)
        }
      }
      for k in 0..<classes {
        logits.append((0..<channels).reduce(bias[k]) { $0 + weight[k * channels + $1] * pooled[$1] })
      }
    }
    var gradient = logits
    return loss.evaluate(LossBatch(logits: logits, classes: classes, labels: labels), gradient: &gradient)
  }

  /// Central difference of the loss by one parameter.
  func slope(_ parameter: WritableKeyPath<ReferenceTail, [Double]>, _ index: Int) -> Double {
    let step = 1e-5
    var up = self
    up[keyPath: parameter][index] += step
    var down = self
    down[keyPath: parameter][index] -= step
    return (up.batchLoss() - down.batchLoss()) / (2 * step)
  }
}
