import ArgumentParser

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
