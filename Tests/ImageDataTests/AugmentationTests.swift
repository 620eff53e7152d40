import Foundation
import Statistics
import Testing

@testable import ImageData

@Suite struct AugmentationTests {
  /// The script's operands: noise, every other one of low contrast.
  private func operand(_ width: Int, _ height: Int, _ seed: Int) -> RGBImage {
    let noise = ImageGolden.noise(width: width, height: height, seed: seed * 2)
    if !seed.isMultiple(of: 2) { return noise }
    return RGBImage(width: width, height: height, pixels: noise.pixels.map { $0 / 3 + 60 })
  }

  @Test func everyOperationEqualsTorchvisions() throws {
    let rows = try ImageGolden.rows("operations.tsv")
    #expect(rows.count > 500)
    for row in rows {
      let n = row[0...2].map { Int($0)! }
      let operation: ImageOperation =
        if row[3] == "hue" {
          .hue(Double(row[4])! / 20)
        } else {
          TrivialAugmentWide.operation(kind: Int(row[3])!, bin: Int(row[4])!, sign: Double(row[5])!)
        }
      let result = operation.apply(to: operand(n[1], n[2], n[0]))
      #expect(ImageGolden.hash(result.pixels) == row[6], "\(row) \(operation)")
    }
  }

  /// Means of 20,000 draws lie within five standard errors of as many of torchvision's.
  @Test func rectanglesAreDistributedAsTorchvisions() throws {
    for row in try ImageGolden.rows("distributions.tsv") {
      let (width, height) = (Int(row[1])!, Int(row[2])!)
      var generator = SeededGenerator(seed: 11)
      let count = 20000
      var draws: [[Double]] = []
      while draws.count < count {
        let drawn =
          row[0] == "crop"
          ? Augmentation().cropWindow(width: width, height: height, using: &generator)
          : RandomErasing(probability: 1).window(side: width, using: &generator)
        guard let drawn else { continue }
        #expect(drawn.x >= 0 && drawn.y >= 0)
        #expect(drawn.x + drawn.width <= width && drawn.y + drawn.height <= height)
        let aspect = log(Double(drawn.width) / Double(drawn.height))
        draws.append([
          Double(drawn.width * drawn.height) / Double(width * height), aspect,
          Double(drawn.x) / Double(width), Double(drawn.y) / Double(height),
        ])
      }
      let expected = [3, 4, 6, 7].map { Double(row[$0])! }
      for (place, value) in expected.enumerated() {
        let values = draws.map { $0[place] }
        let mean = values.reduce(0, +) / Double(count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        #expect(
          abs(mean - value) <= 5 * (2 * variance / Double(count)).squareRoot() + 1e-9, "\(row) \(place)")
        if place == 1 { #expect(abs(variance.squareRoot() - Double(row[5])!) < 0.01, "\(row)") }
      }
    }
  }

  @Test func narrowImagesFallBackToTheCentre() {
    var generator = SeededGenerator(seed: 1)
    // No rectangle of at least 8 % of the area has an allowed aspect ratio.
    let window = Augmentation().cropWindow(width: 1000, height: 10, using: &generator)
    #expect(window == PixelWindow(x: 493, y: 0, width: 13, height: 10))
  }

  @Test func colorJitterDrawsWithinItsLimits() {
    let jitter = ColorJitter(brightness: 0.4, contrast: 2, hue: 0.1)
    var generator = SeededGenerator(seed: 2)
    var orders: Set<String> = []
    for _ in 0..<500 {
      let operations = jitter.operations(using: &generator)
      #expect(operations.count == 3)
      for operation in operations {
        switch operation {
        case .brightness(let factor): #expect(0.6...1.4 ~= factor)
        case .contrast(let factor): #expect(0...3 ~= factor)
        case .hue(let turn): #expect(-0.1...0.1 ~= turn)
        default: Issue.record("\(operation)")
        }
      }
      orders.insert(operations.map { "\($0)".prefix(3) }.joined())
    }
    #expect(orders.count == 6)
  }

  @Test func trivialAugmentDrawsEverythingEquallyOften() {
    var generator = SeededGenerator(seed: 3)
    var counts: [Substring: Int] = [:]
    for _ in 0..<14000 {
      let operation = TrivialAugmentWide.operation(using: &generator)
      counts["\(operation)".prefix { $0 != "(" }, default: 0] += 1
    }
    #expect(counts.count == 14)
    // Binomial: mean 1000, standard deviation 30.
    for (name, count) in counts { #expect(abs(count - 1000) < 160, "\(name)") }
  }

  @Test func wholeChainIsReproducible() {
    var augmentation = Augmentation()
    augmentation.colorJitter = ColorJitter(brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1)
    augmentation.usesTrivialAugment = true
    augmentation.erasing = RandomErasing(probability: 1)
    let image = ImageGolden.noise(width: 40, height: 30, seed: 8)
    let preprocessing = Preprocessing(resize: 1, crop: 20)
    func run(_ seed: UInt64) -> [Float] {
      var generator = SeededGenerator(seed: seed)
      var values = [Float](repeating: .nan, count: 1200)
      values.withUnsafeMutableBufferPointer {
        augmentation.apply(image, preprocessing, using: &generator, into: $0.baseAddress!)
      }
      return values
    }
    #expect(run(1) == run(1))
    #expect(run(1) != run(2))
    #expect(run(1).allSatisfy { $0.isFinite })
    // An erased pixel is zero in all channels, which a normalised one is not.
    #expect(run(1).count(where: { $0 == 0 }) >= 3 * 8)
  }

  @Test func withoutChanceItIsThePlainCrop() {
    var augmentation = Augmentation()
    augmentation.area = 1...1
    augmentation.aspectRatio = 1...1
    augmentation.flipProbability = 0
    let image = ImageGolden.noise(width: 30, height: 30, seed: 6)
    let preprocessing = Preprocessing(resize: 20, crop: 20)
    var generator = SeededGenerator(seed: 0)
    var (actual, expected) = ([Float](repeating: 0, count: 1200), [Float](repeating: 0, count: 1200))
    actual.withUnsafeMutableBufferPointer {
      augmentation.apply(image, preprocessing, using: &generator, into: $0.baseAddress!)
    }
    expected.withUnsafeMutableBufferPointer { preprocessing.apply(image, into: $0.baseAddress!) }
    #expect(actual == expected)
  }
}
