import Checkpoint
import Platform

/// TIES-merging: the pretrained model plus the mean of the trimmed differences of fine-tuned ones from it
/// (Yadav et al. 2023, "TIES-Merging: Resolving Interference When Merging Models", arXiv 2306.01708).
///
/// Of each tensor of each model the share `density` of the elements with the largest differences is kept, rounded
/// down but at least one, the first ones among equals. For each element the sign of the weighted sum of the kept differences is elected,
/// plus where it is zero; the weighted mean of the kept differences with this sign is added to the pretrained
/// model.
///
/// The series begins with the pretrained model.
public struct SignElection: TensorwiseMethod {
  /// The name in provenance and reports.
  public static let name = "ties"

  let weights: [Double]?
  let density: Double

  /// - Parameters:
  ///   - weights: One number from 0 for every fine-tuned model; nil for equal weights.
  ///   - density: Share of the elements to keep, above 0, up to 1.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(weights: [Double]? = nil, density: Double = 0.2) throws {
    for weight in weights ?? [] { try require("weight", weight, "numbers from 0") { $0 >= 0 && $0.isFinite } }
    try require("density", density, "a number above 0, up to 1") { $0 > 0 && $0 <= 1 }
    self.weights = weights
    self.density = density
  }

  /// True: the first checkpoint is the pretrained model.
  public var beginsWithPretrained: Bool { true }

  /// The density; the weights are recorded with the inputs.
  public var settings: [(String, JSON)] {
    var settings: [(String, JSON)] = [("density", .number("\(density)"))]
    if let weights { settings.append(("weights", .array(weights.map { .number("\($0)") }))) }
    return settings
  }

  /// The election without trimming.
  public func combination(of timeline: Timeline) throws -> Combination {
    let models = timeline.count - 1
    guard models >= 1 else { throw AveragingError.tooFew(method: Self.name, needed: 2, found: 1) }
    guard weights == nil || weights!.count == models else {
      throw AveragingError.countMismatch("weights", expected: models, found: weights!.count)
    }
    if let weights, !weights.contains(where: { $0 > 0 }) { throw AveragingError.allWeightsZero }
    return .election(inputs: 0..<models + 1, rule(for: models))
  }

  /// The elections with the trimming of each tensor.
  public func combinations(
    of tensors: [TensorSpec], in series: Series, pool: ThreadPool, progress: @escaping (Int) -> Void
  ) throws -> [Combination] {
    let models = series.members.count - 1
    var rules = tensors.map { _ in rule(for: models) }
    let sequencer = Sequencer(limit: 4 * pool.threadCount)
    try pool.forEach(tensors.count * models) { (task, _) throws in
      let (tensor, model) = task.quotientAndRemainder(dividingBy: models)
      do {
        let trim = try MagnitudeTrim(
          keeping: max(1, Int(density * Double(tensors[tensor].elementCount))), of: tensors[tensor]
        ) { try series.values(of: tensors[tensor], $0, asDifferences: true, in: model + 1..<model + 2)[0] }
        func note() {
          rules[tensor].trims[model] = trim
          progress(2 * tensors[tensor].byteCount)
        }
        try sequencer.pass(task, now: note, later: { note })
      } catch {
        sequencer.fail(task)
        throw error
      }
    }
    return rules.map { .election(inputs: 0..<models + 1, $0) }
  }

  private func rule(for models: Int) -> ElectionRule {
    ElectionRule(
      weights: weights ?? Array(repeating: 1, count: models), trims: Array(repeating: .all, count: models))
  }
}

/// Rule that computes an element of a merged tensor from differences.
public struct ElectionRule: Sendable, Equatable {
  /// The weight of every fine-tuned model.
  let weights: [Double]
  /// The elements that are kept of every fine-tuned model's tensor.
  var trims: [MagnitudeTrim]
  /// Factor of the merged difference.
  var coefficient = 1.0

  /// The value of an element.
  ///
  /// - Parameters:
  ///   - element: Its index in the tensor.
  ///   - origin: Its value in the pretrained model.
  ///   - value: Its value in a fine-tuned model.
  /// - Returns: NaN if one of the values that count is not finite: no difference from it could be kept or dropped.
  func value(_ element: Int, origin: Double, _ value: (_ model: Int) -> Double) -> Double {
    guard origin.isFinite, weights.indices.allSatisfy({ weights[$0] == 0 || value($0).isFinite }) else {
      return .nan
    }
    var sum = 0.0
    // A model of weight 0 may hold infinities and NaN, which times 0 would still be NaN.
    for model in weights.indices where weights[model] != 0 {
      let difference = value(model) - origin
      if trims[model].keeps(difference, at: element) { sum += weights[model] * difference }
    }
    let isPositive = sum >= 0
    var (total, divisor) = (0.0, 0.0)
    for model in weights.indices where weights[model] != 0 {
      let difference = value(model) - origin
      guard difference != 0, (difference > 0) == isPositive, trims[model].keeps(difference, at: element)
      else { continue }
      total += weights[model] * difference
      divisor += weights[model]
    }
    // Also where nothing is kept.
    return divisor > 0 ? origin + coefficient * (total / divisor) : origin
  }
}

/// The elements of a tensor with the largest magnitudes, the first ones among equals.
struct MagnitudeTrim: Sendable, Equatable {
  /// Every element.
  static let all = Self(least: 0, end: .max)

  /// Tensors up to this size are sorted as a whole; for larger ones the digits of the magnitudes are counted.
  private static let sortedElements = 1 << 20
  private static let slice = 1 << 16

  /// The smallest magnitude that is kept.
  private let least: Double
  /// Index from which elements of that magnitude are dropped.
  private let end: Int

  private init(least: Double, end: Int) {
    self.least = least
    self.end = end
  }

  /// - Parameters:
  ///   - kept: Number of elements to keep.
  ///   - tensor: The tensor.
  ///   - values: Reads some of its elements, all finite.
  init(keeping kept: Int, of tensor: TensorSpec, _ values: (Range<Int>) throws -> [Double]) throws {
    let count = tensor.elementCount
    if kept >= count {
      self = .all
    } else if kept <= 0 {
      self.init(least: .infinity, end: 0)
    } else if count <= Self.sortedElements {
      let magnitudes = try values(0..<count).map(abs)
      let least = magnitudes.sorted(by: >)[kept - 1]
      var rest = kept - magnitudes.reduce(0) { $0 + ($1 > least ? 1 : 0) }
      var end = 0
      while rest > 0 {
        if magnitudes[end] == least { rest -= 1 }
        end += 1
      }
      self.init(least: least, end: end)
    } else {
      try self.init(counting: kept, count, values)
    }
  }

  /// Finds the bits of the smallest kept magnitude sixteen at a time, from the highest: as integers, the bits
  /// of positive numbers are ordered like the numbers.
  private init(counting kept: Int, _ count: Int, _ values: (Range<Int>) throws -> [Double]) throws {
    func forEach(_ body: (_ element: Int, _ bits: UInt64) -> Bool) throws {
      for start in stride(from: 0, to: count, by: Self.slice) {
        let part = start..<min(start + Self.slice, count)
        for (offset, value) in try values(part).enumerated() {
          if !body(start + offset, value.magnitude.bitPattern) { return }
        }
      }
    }
    var bits: UInt64 = 0
    var rest = kept
    for shift in [48, 32, 16, 0] as [UInt64] {
      var counts = [Int](repeating: 0, count: 1 << 16)
      try forEach { _, value in
        if shift == 48 || value >> (shift + 16) == bits { counts[Int(value >> shift & 0xFFFF)] += 1 }
        return true
      }
      var digit = counts.count - 1
      while counts[digit] < rest {
        rest -= counts[digit]
        digit -= 1
      }
      bits = bits << 16 | UInt64(digit)
    }
    var end = 0
    try forEach { element, value in
      if value == bits { rest -= 1 }
      end = element + 1
      return rest > 0
    }
    self.init(least: Double(bitPattern: bits), end: end)
  }

  /// True if a value at this index is kept.
  func keeps(_ value: Double, at element: Int) -> Bool {
    abs(value) > least || abs(value) == least && element < end
  }
}
