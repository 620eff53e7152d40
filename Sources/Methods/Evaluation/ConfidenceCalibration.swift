import Platform
import Statistics

extension SettingOutcomes {
  private static let bins = 15

  /// Expected calibration error: the mean distance of confidence and accuracy over 15 bins of equal width,
  /// weighted by the images in them (Guo et al. 2017, "On calibration of modern neural networks", eq. 3).
  public var calibrationError: Double {
    var confidence = [Double](repeating: 0, count: Self.bins)
    var right = [Double](repeating: 0, count: Self.bins)
    for (value, rank) in zip(confidences, ranks) {
      // Bin m holds (m/15, (m+1)/15], so that a certain prediction falls into the last.
      let bin = min(Self.bins - 1, max(0, Int((Double(value) * Double(Self.bins)).rounded(.up)) - 1))
      confidence[bin] += Double(value)
      right[bin] += rank == 0 ? 1 : 0
    }
    return zip(confidence, right).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(count, 1))
  }

  /// The calibration error over 15 bins with equal numbers of images, which most images cannot escape by their
  /// confidence being close to 1 (Nguyen and O'Connor 2015, "Posterior calibration and exploratory analysis").
  ///
  /// The first bins have one image more where the number is not divisible. Images of equal confidence count with their
  /// mean accuracy, so that their order has no part.
  public var adaptiveCalibrationError: Double {
    let order = confidences.indices.sorted { confidences[$0] < confidences[$1] }
    var right = [Double](repeating: 0, count: order.count)
    var first = 0
    while first < order.count {
      let end = order[first...].firstIndex { confidences[$0] > confidences[order[first]] } ?? order.count
      let correct = order[first..<end].count { ranks[$0] == 0 }
      for place in first..<end { right[place] = Double(correct) / Double(end - first) }
      first = end
    }
    var total = 0.0
    var start = 0
    for bin in 0..<Self.bins {
      let end = start + order.count / Self.bins + (bin < order.count % Self.bins ? 1 : 0)
      total += abs((start..<end).reduce(0) { $0 + Double(confidences[order[$1]]) - right[$1] })
      start = end
    }
    return total / Double(max(order.count, 1))
  }
}

/// Logits of one setting on images, kept for what is computed from all of them.
public struct LogitTable: Sendable {
  /// Number of classes.
  public let classCount: Int
  /// Class of each image.
  public private(set) var labels: [Int] = []
  /// Logits, [images, classes] in row-major order.
  public private(set) var values: [Float] = []

  /// - Parameter classCount: number of classes, at least 1.
  public init(classCount: Int) { self.classCount = classCount }

  /// Number of images.
  public var count: Int { labels.count }

  /// Adds the next image.
  public mutating func append(_ logits: [Double], label: Int) {
    precondition(logits.count == classCount)
    values += logits.map(Float.init)
    labels.append(label)
  }

  /// The logits of an image.
  public subscript(image: Int) -> ArraySlice<Float> { values[image * classCount..<(image + 1) * classCount] }

  /// The outcomes of some images with logits divided by `temperature`.
  public func outcomes(of images: some Sequence<Int>, temperature: Double = 1) -> SettingOutcomes {
    var outcomes = SettingOutcomes()
    for image in images {
      outcomes.append(Outcome(logits: self[image].map { Double($0) / temperature }, label: labels[image]))
    }
    return outcomes
  }
}

/// Temperature scaling: logits divided by the one number that minimizes the loss (Guo et al. 2017, section 4.2).
///
/// Predictions stay the same; their confidence becomes honest. The temperature is fitted on images whose loss it then
/// lowers by more than it would others', so that its effect is measured by halves: each random half is scaled by the
/// temperature of the other.
///
/// ```swift
/// let scaling = try TemperatureScaling(table, seed: 0)
/// print(scaling.temperature, scaling.before.calibrationError, scaling.after.calibrationError)
/// ```
public struct TemperatureScaling: Sendable {
  /// Temperature that minimizes the loss on all images.
  public let temperature: Double
  /// True if no temperature within the bounds minimizes the loss: every image is predicted right, or no logit says
  /// anything.
  public let isAtBound: Bool
  /// Outcomes without scaling.
  public let before: SettingOutcomes
  /// Outcomes with the temperature of the half that the image is not in; in the order of `before`.
  public let after: SettingOutcomes

  /// Temperatures that are looked at.
  public static let bounds = 0.01...100.0

  /// - Parameters:
  ///   - table: logits of the images, at least two.
  ///   - seed: seed of the division into halves.
  /// - Throws: `EvaluationError.tooFewToCalibrate` for fewer images.
  public init(_ table: LogitTable, seed: UInt64) throws {
    guard table.count >= 2 else { throw EvaluationError.tooFewToCalibrate(count: table.count) }
    var generator = SeededGenerator(seed: seed, for: "calibration")
    let order = generator.permutation(table.count)
    let halves = [order.prefix(order.count / 2), order.suffix(order.count - order.count / 2)]
    let fitted = halves.map { Self.fit(table, Array($0)) }
    var ofImage = [Double](repeating: 1, count: table.count)
    for (half, images) in halves.enumerated() {
      for image in images { ofImage[image] = fitted[1 - half] }
    }
    before = table.outcomes(of: 0..<table.count)
    var after = SettingOutcomes()
    for image in 0..<table.count {
      after.append(
        Outcome(logits: table[image].map { Double($0) / ofImage[image] }, label: table.labels[image]))
    }
    self.after = after
    temperature = Self.fit(table, Array(0..<table.count))
    isAtBound = !(Self.bounds.lowerBound * 1.001..<Self.bounds.upperBound * 0.999).contains(temperature)
  }

  /// The temperature that minimizes the mean loss of some images, to a relative 1e-9.
  ///
  /// The loss is convex in the inverse temperature β with the slope Σp·z − z of the true class, whose root Newton's
  /// method finds, in the middle of its bracket where that leads out of it. Float64.
  static func fit(_ table: LogitTable, _ images: [Int]) -> Double {
    var (low, high) = (1 / bounds.upperBound, 1 / bounds.lowerBound)
    var beta = 1.0
    for _ in 0..<200 {
      let (slope, curvature) = derivatives(table, images, beta)
      if slope > 0 { high = beta } else { low = beta }
      let newton = beta - slope / curvature
      // The geometric middle: the bracket spans four orders of magnitude.
      let next = newton > low && newton < high ? newton : (low * high).squareRoot()
      if abs(next - beta) <= 1e-9 * beta || high / low < 1 + 1e-9 { return 1 / next }
      beta = next
    }
    return 1 / beta
  }

  private static func derivatives(
    _ table: LogitTable, _ images: [Int], _ beta: Double
  ) -> (slope: Double, curvature: Double) {
    var (slope, curvature) = (0.0, 0.0)
    for image in images {
      let logits = table[image]
      let largest = Double(logits.max()!)
      var (sum, first, second) = (0.0, 0.0, 0.0)
      for logit in logits {
        let z = Double(logit) - largest
        let p = exp(beta * z)
        sum += p
        first += p * z
        second += p * z * z
      }
      let mean = first / sum
      slope += mean - (Double(logits[logits.startIndex + table.labels[image]]) - largest)
      curvature += second / sum - mean * mean
    }
    return (slope, curvature)
  }
}
