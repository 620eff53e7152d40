import ArgumentParser
import Checkpoint
import Platform

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
      case .positive: "above 0, at most \(Self.largest)"
      case .notNegative: "from 0 to \(Self.largest)"
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

/// Sizes in pixels as the command line writes them: `256`, `224,256,288` or `224:256:8`, also mixed by commas.
///
/// A range runs from the first size by the step to the last that does not pass the end.
package struct SizeList: ExpressibleByArgument, Sendable, Equatable {
  package let sizes: [Int]

  package static let limit = RecordedPreprocessing.sizes

  package init?(argument: String) {
    var sizes: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let fields = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard fields.allSatisfy({ $0.map(Self.limit.contains) ?? false }) else { return nil }
      switch fields.count {
      case 1: sizes.append(fields[0]!)
      case 2, 3:
        let step = fields.count == 3 ? fields[2]! : 1
        guard fields[0]! <= fields[1]! else { return nil }
        sizes += stride(from: fields[0]!, through: fields[1]!, by: step)
      default: return nil
      }
    }
    self.sizes = sizes.unique
  }
}

/// A number of bytes as the command line writes it: `4096`, `512M`, `5GB`, `64KiB`.
///
/// As in the GNU tools, `K` and `KiB` are 1024 bytes and `KB` is 1000.
package struct ByteSize: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
  package let bytes: Int

  package init(bytes: Int) { self.bytes = bytes }

  package init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    var unit = argument.dropFirst(digits.count).uppercased()
    var base = 1024
    if unit.hasSuffix("IB") && unit.count == 3 {
      unit.removeLast(2)
    } else if unit.hasSuffix("B") {
      unit.removeLast()
      base = 1000
    }
    guard let number = Int(digits), let power = Self.units.firstIndex(of: unit) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(
      by: (0..<power).reduce(1) { size, _ in size * base })
    guard !overflow else { return nil }
    self.bytes = bytes
  }

  package var description: String {
    let power = (1..<Self.units.count).last { bytes > 0 && bytes % (1 << (10 * $0)) == 0 } ?? 0
    return "\(bytes >> (10 * power))\(Self.units[power])"
  }

  private static let units = ["", "K", "M", "G", "T"]
}
