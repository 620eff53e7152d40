import Evaluation
import Platform

/// Measure of the cost of inference on one image.
public enum Cost: String, Sendable {
  /// Multiply-adds: the same on every machine.
  case multiplyAdds = "multiply_adds"
  /// Median latency in milliseconds, which depends on the machine.
  case milliseconds = "latency_ms"

  /// The cost of a setting in this measure; infinite if its latency was not measured.
  public func of(_ row: SweepRow) -> Double {
    switch self {
    case .multiplyAdds: Double(row.multiplyAdds)
    case .milliseconds: row.latency?.median ?? .infinity
    }
  }

  func text(_ value: Double) -> String {
    switch self {
    case .multiplyAdds: String(format: "%.4g million multiply-adds", value / 1e6)
    case .milliseconds: String(format: "%.4g ms", value)
    }
  }
}

/// The points that no other one is at least as good and as cheap as, and better in one of the two.
///
/// - Parameters:
///   - costs: cost of every point, lower is better.
///   - values: value of every point, higher is better.
/// - Returns: their indices by ascending cost; equal points are all on the front or none is.
public func paretoFront(costs: [Double], values: [Double]) -> [Int] {
  precondition(costs.count == values.count)
  let order = costs.indices.sorted { (costs[$0], -values[$0], $0) < (costs[$1], -values[$1], $1) }
  var front: [Int] = []
  for index in order {
    // Everything before it costs as much or less; the last of the front is the best of that.
    guard let last = front.last else {
      front.append(index)
      continue
    }
    let isEqual = values[index] == values[last] && costs[index] == costs[last]
    if values[index] > values[last] || isEqual { front.append(index) }
  }
  return front
}

/// Highest cost of inference on one image.
public enum Budget: Sendable, Equatable {
  /// Multiply-adds.
  case multiplyAdds(Double)
  /// Milliseconds of median latency, which depends on the machine.
  case milliseconds(Double)

  /// Parses a number with `ms` for milliseconds, or with `M`, `G` or nothing for multiply-adds.
  public init?(_ text: String) {
    let units: [(String, (Double) -> Budget)] = [
      ("ms", { .milliseconds($0) }), ("M", { .multiplyAdds(($0 * 1e6).rounded()) }),
      ("G", { .multiplyAdds(($0 * 1e9).rounded()) }),
      ("", { .multiplyAdds($0) }),
    ]
    let (unit, make) = units.first { text.hasSuffix($0.0) }!
    guard let value = Double(text.dropLast(unit.count)), value > 0, value.isFinite else { return nil }
    self = make(value)
  }

  /// The measure that the limit is in.
  public var cost: Cost {
    switch self {
    case .multiplyAdds: .multiplyAdds
    case .milliseconds: .milliseconds
    }
  }

  private var limit: Double {
    switch self {
    case .multiplyAdds(let most), .milliseconds(let most): most
    }
  }

  func allows(_ row: SweepRow) -> Bool { cost.of(row) <= limit }

  /// The limit with its unit.
  public var description: String { cost.text(limit) }
}
