import Statistics
import TensorMath
import Testing

@testable import ImageData

@Suite struct BatchMixingTests {
  /// Image i of 4 x 5 pixels holds i + 1 everywhere.
  private func batch(_ count: Int) -> ImageBatch {
    let values = (0..<count).flatMap { [Float](repeating: Float($0 + 1), count: 60) }
    return ImageBatch(
      views: [Tensor(shape: [count, 4, 5, 3], values: values)], labels: Array(10..<(10 + count)),
      indices: Array(0..<count))
  }

  @Test func mixupIsAWeightedSum() {
    var generator = SeededGenerator(seed: 5)
    let batch = batch(3)
    let labels = BatchMixing.mixup(alpha: 0.8).apply(to: batch, using: &generator)
    #expect(labels.partners == [12, 10, 11])
    let weight = Float(labels.weight)
    let expected = [(1, 3), (2, 1), (3, 2)].map { Float($0.0) * weight + Float($0.1) * (1 - weight) }
    #expect(batch.views[0].values == expected.flatMap { [Float](repeating: $0, count: 60) })
  }

  @Test func cutMixPastesABoxOfItsShare() {
    var generator = SeededGenerator(seed: 6)
    var seen: Set<Int> = []
    for _ in 0..<50 {
      let batch = batch(3)
      let labels = BatchMixing.cutMix(alpha: 1).apply(to: batch, using: &generator)
      let images = batch.views[0].values
      for (image, partner) in [3, 1, 2].enumerated() {
        let pixels = images[(image * 60)..<(image * 60 + 60)]
        let pasted = pixels.count(where: { $0 == Float(partner) })
        #expect(pixels.allSatisfy { $0 == Float(partner) || $0 == Float(image + 1) })
        #expect(abs(Double(pasted) / 60 - (1 - labels.weight)) < 1e-12)
        seen.insert(pasted)
      }
    }
    #expect(seen.count > 4)
  }

  /// A student's view of 4 x 5 pixels comes before a teacher's of 16 x 16, whose box has another share.
  @Test func cutMixWeighsTheLabelsByTheFirstView() {
    var differing = 0
    for seed in 0..<40 {
      var generator = SeededGenerator(seed: UInt64(seed))
      let teacher = (0..<3).flatMap { [Float](repeating: Float($0 + 1), count: 16 * 16 * 3) }
      let student = batch(3)
      let both = ImageBatch(
        views: student.views + [Tensor(shape: [3, 16, 16, 3], values: teacher)], labels: student.labels,
        indices: student.indices)
      let labels = BatchMixing.cutMix(alpha: 1).apply(to: both, using: &generator)
      func share(_ view: Int) -> Double {
        let image = both.views[view].values.prefix(both.views[view].count / 3)
        return Double(image.count { $0 == 3 }) / Double(image.count)
      }
      #expect(abs(1 - labels.weight - share(0)) < 1e-12)
      differing += abs(share(0) - share(1)) > 1e-6 ? 1 : 0
    }
    #expect(differing > 20)
  }

  /// torchvision's arithmetic for a share of 0.75: half sides of a quarter, cut off at the border.
  @Test func boxIsClipped() {
    #expect(
      BatchMixing.box(share: 0.75, x: 0.5, y: 0.01, width: 40, height: 20)
        == PixelWindow(x: 10, y: 0, width: 20, height: 5))
    #expect(BatchMixing.box(share: 1, x: 0.3, y: 0.3, width: 9, height: 9).width == 0)
    #expect(
      BatchMixing.box(share: 0, x: 0.5, y: 0.5, width: 8, height: 8)
        == PixelWindow(x: 0, y: 0, width: 8, height: 8))
  }

  @Test(arguments: [0.2, 1.0, 3.0]) func betaHasItsMoments(_ alpha: Double) {
    var generator = SeededGenerator(seed: 7)
    let values = (0..<20000).map { _ in generator.beta(alpha) }
    let mean = values.reduce(0, +) / 20000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20000
    let expected = 1 / (4 * (2 * alpha + 1))
    #expect(abs(mean - 0.5) < 5 * (expected / 20000).squareRoot())
    #expect(abs(variance / expected - 1) < 0.05)
    #expect(values.allSatisfy { 0...1 ~= $0 })
  }

  @Test func oneImageMixesWithItself() {
    var generator = SeededGenerator(seed: 8)
    let batch = batch(1)
    let labels = BatchMixing.cutMix(alpha: 1).apply(to: batch, using: &generator)
    #expect(labels.partners == [10])
    #expect(batch.views[0].values == [Float](repeating: 1, count: 60))
  }
}
