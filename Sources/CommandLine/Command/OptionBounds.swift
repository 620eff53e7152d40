import ArgumentParser

/// Bounds of the numbers that options take, checked and told alike in all tools.
///
/// Whole numbers have an upper bound too, so that sums and products of them with what a file holds always fit, and real
/// ones are never infinite or NaN.
///
/// ```swift
/// func validate() throws {
///   try OptionBounds.check(["--batch-size": batchSize, "--limit": limit])
///   try OptionBounds.check(["--momentum": momentum], .share)
/// }
/// ```
package enum OptionBounds {
  /// Numbers of images, batches, epochs and the like.
  package static let counts = 1...1_000_000_000
  /// The same where none is a number, too.
  package static let countsFromZero = 0...counts.upperBound

  /// The values that an option for a real number takes.
  package enum Reals: Sendable {
    /// Above 0.
    case positive
    /// 0 and above.
    case notNegative
    /// From 0 to 1.
    case share
    /// From 0 to below 1.
    case shareBelowOne
    /// Between both ends, which are allowed.
    case within(ClosedRange<Double>)

    /// Beyond this, results of ordinary arithmetic may no longer be finite.
    private static let largest = 1e100

    func contains(_ value: Double) -> Bool {
      switch self {
      case .positive: value > 0 && value <= Self.largest
      case .notNegative: value >= 0 && value <= Self.largest
      case .share: (0...1).contains(value)
      case .shareBelowOne: (0..<1).contains(value)
      case .within(let range): range.contains(value)
      }
    }

    var description: String {
      switch self {
      case .positive: "above 0"
      case .notNegative: "from 0"
      case .share: "from 0 to 1"
      case .shareBelowOne: "from 0 to below 1"
      case .within(let range): "from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
      }
    }

    private static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
  }

  /// Refuses the first option whose number is out of range.
  ///
  /// - Parameter options: names with what was given; nil for nothing.
  /// - Throws: `ValidationError`.
  package static func check(
    _ options: KeyValuePairs<String, Int?>, _ range: ClosedRange<Int> = counts
  ) throws {
    for case (let name, let value?) in options where !range.contains(value) {
      throw ValidationError(
        "\(name) takes a number from \(range.lowerBound) to \(range.upperBound), not \(value)")
    }
  }

  /// Refuses the first option whose number is out of range, infinite or NaN.
  ///
  /// - Parameter options: names with what was given; nil for nothing.
  /// - Throws: `ValidationError`.
  package static func check(_ options: KeyValuePairs<String, Double?>, _ range: Reals) throws {
    for case (let name, let value?) in options where !range.contains(value) {
      throw ValidationError("\(name) takes a number \(range.description), not \(value)")
    }
  }
}
