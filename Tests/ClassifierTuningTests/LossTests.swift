import Testing

@testable import ClassifierTuning

@Suite struct LossTests {
  static let batch = LossBatch(
    logits: [2, -1, 0.5, 0.1, 0.2, -3, 40, 41, 39, -700, 0, 700], classes: 3, labels: [0, 2, 1, 2])

  static let losses: [any ClassificationLoss] = [
    CrossEntropy(), CrossEntropy(labelSmoothing: 0.1),
    CrossEntropy(labelSmoothing: 0.2, classWeights: [1, 0.5, 3]),
  ]

  @Test(arguments: losses.indices) func gradientEqualsDifferences(_ index: Int) {
    let loss = Self.losses[index]
    var gradient = Self.batch.logits
    _ = loss.evaluate(Self.batch, gradient: &gradient)
    var unused = gradient
    for element in gradient.indices {
      let step = 1e-5
      var up = Self.batch
      up.logits[element] += step
      var down = Self.batch
      down.logits[element] -= step
      let slope =
        (loss.evaluate(up, gradient: &unused) - loss.evaluate(down, gradient: &unused)) / (2 * step)
      #expect(abs(slope - gradient[element]) < 1e-7)
    }
  }

  @Test func crossEntropyOfEqualLogitsIsLogOfClasses() {
    var gradient = [Double](repeating: 9, count: 4)
    let batch = LossBatch(logits: [5, 5, 5, 5], classes: 4, labels: [2])
    #expect(abs(CrossEntropy().evaluate(batch, gradient: &gradient) - 1.3862943611198906) < 1e-12)
    #expect(gradient == [0.25, 0.25, -0.75, 0.25])
  }
}
