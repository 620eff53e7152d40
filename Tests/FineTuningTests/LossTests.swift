import Checkpoint
import TestSupport
import Testing

@testable import FineTuning

@Suite struct LossTests {
  static let batch = LossBatch(
    logits: [2, -1, 0.5, 0.1, 0.2, -3, 40, 41, 39, -700, 0, 700], classes: 3, labels: [0, 2, 1, 2],
    teacherLogits: [1, 2, 3, -50, 800, 3, 0, 0, 0, 2, 1, 5])

  static let losses: [any ClassificationLoss] = [
    CrossEntropy(), CrossEntropy(labelSmoothing: 0.1),
    CrossEntropy(labelSmoothing: 0.2, classWeights: [1, 0.5, 3]),
    BinaryCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 0.5, 3]),
    FocalLoss(gamma: 2), FocalLoss(gamma: 0.5, classWeights: [1, 0.5, 3]),
    OverlapLoss(.dice), OverlapLoss(.jaccard, smoothing: 0.5), OverlapLoss(.dice, smoothing: 0),
    OverlapLoss(.dice, classes: .all), OverlapLoss(.jaccard, smoothing: 0.5, classes: .all),
    LossSum(BinaryCrossEntropy(), OverlapLoss(.dice)),
    Distillation(hard: CrossEntropy(), temperature: 2, weight: 0.3),
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

  static let goldens: [(String, any ClassificationLoss)] = [
    ("ce", CrossEntropy()), ("ce-smoothing", CrossEntropy(labelSmoothing: 0.1)),
    ("ce-weights", CrossEntropy(labelSmoothing: 0.2, classWeights: [1, 0.5, 2, 0, 3])),
    ("bce", BinaryCrossEntropy()),
    ("bce-smoothing", BinaryCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 0.5, 2, 0, 3])),
    ("focal", FocalLoss()), ("dice", OverlapLoss(.dice)), ("jaccard", OverlapLoss(.jaccard)),
    ("bce-dice", LossSum(BinaryCrossEntropy(), OverlapLoss(.dice))),
    ("distillation", Distillation(hard: CrossEntropy(), temperature: 5, weight: 0.7)),
  ]

  @Test(arguments: goldens.indices) func valueAndGradientEqualPyTorch(_ index: Int) throws {
    let (name, loss) = Self.goldens[index]
    let golden = try Golden()
    let batch = LossBatch(
      logits: try golden.doubles("losses.logits"), classes: 5, labels: try golden.integers("losses.labels"),
      teacherLogits: try golden.doubles("losses.teacher"))
    var gradient = [Double](repeating: .nan, count: batch.logits.count)
    let value = loss.evaluate(batch, gradient: &gradient)
    try golden.expectEqual([value], "losses.\(name).value", tolerance: 1e-12)
    try golden.expectEqual(gradient, "losses.\(name).gradient", tolerance: 1e-12)
  }

  /// One image of class 0, found with certainty or with none, in a batch without class 1: by hand.
  @Test func smoothingOutweighsClassesWithOneImage() {
    func value(_ loss: OverlapLoss, _ logit: Double) -> Double {
      var gradient = [0.0, 0.0]
      return loss.evaluate(LossBatch(logits: [logit, 0], classes: 2, labels: [0]), gradient: &gradient)
    }
    #expect(abs(value(OverlapLoss(.dice), 800)) < 1e-12)
    #expect(abs(value(OverlapLoss(.dice), -800) - 0.5) < 1e-12)
    #expect(abs(value(OverlapLoss(.dice, smoothing: 0), -800) - 1) < 1e-12)
    // Class 1 has all the probability and no image: 1 − 1/(1 + 1), and so has class 0.
    #expect(abs(value(OverlapLoss(.dice, classes: .all), -800) - 0.5) < 1e-12)
    #expect(abs(value(OverlapLoss(.dice, smoothing: 0, classes: .all), -800) - 1) < 1e-12)
    #expect(abs(value(OverlapLoss(.dice, smoothing: 0, classes: .all), 800)) < 1e-12)
  }

  @Test func focalWithoutFocusIsCrossEntropy() {
    var focal = Self.batch.logits
    var plain = focal
    let a = FocalLoss(gamma: 0, classWeights: [1, 0.5, 3]).evaluate(Self.batch, gradient: &focal)
    let b = CrossEntropy(classWeights: [1, 0.5, 3]).evaluate(Self.batch, gradient: &plain)
    #expect(abs(a - b) < 1e-12)
    for (x, y) in zip(focal, plain) { #expect(abs(x - y) < 1e-12) }
  }

  @Test func crossEntropyOfEqualLogitsIsLogOfClasses() {
    var gradient = [Double](repeating: 9, count: 4)
    let batch = LossBatch(logits: [5, 5, 5, 5], classes: 4, labels: [2])
    #expect(abs(CrossEntropy().evaluate(batch, gradient: &gradient) - 1.3862943611198906) < 1e-12)
    #expect(gradient == [0.25, 0.25, -0.75, 0.25])
  }
}
