import Platform

/// Highest cost of inference on one image.
public enum Budget: Sendable, Equatable {
  /// Multiply-adds.
  case multiplyAdds(Double)
  /// Milliseconds of the measured forward pass, which depends on the machine.
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

  func cost(_ row: SweepRow) -> Double {
    switch self {
    case .multiplyAdds: Double(row.multiplyAdds)
    case .milliseconds: row.imagesPerSecond > 0 ? 1000 / row.imagesPerSecond : .infinity
    }
  }

  func allows(_ row: SweepRow) -> Bool {
    switch self {
    case .multiplyAdds(let most), .milliseconds(let most): cost(row) <= most
    }
  }

  func text(_ value: Double) -> String {
    switch self {
    case .multiplyAdds: String(format: "%.4g million multiply-adds", value / 1e6)
    case .milliseconds: String(format: "%.4g ms", value)
    }
  }

  /// The limit with its unit.
  public var description: String {
    switch self {
    case .multiplyAdds(let most), .milliseconds(let most): text(most)
    }
  }
}
