import ArgumentParser

/// A number of bytes as the command line writes it: `8G`, `512M`, `4096`; units are powers of 1024.
package struct ByteSize: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
  package let bytes: Int

  package init(bytes: Int) { self.bytes = bytes }

  package init?(argument: String) {
    var digits = argument.uppercased()
    if digits.hasSuffix("IB") { digits.removeLast(2) } else if digits.hasSuffix("B") { digits.removeLast() }
    let shift = digits.last.flatMap { Self.shifts[$0] }
    if shift != nil { digits.removeLast() }
    guard let number = Int(digits), number >= 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
    guard !overflow else { return nil }
    self.bytes = bytes
  }

  package var description: String {
    for (unit, shift) in Self.shifts.sorted(by: { $0.value > $1.value })
    where bytes > 0 && bytes % (1 << shift) == 0 {
      return "\(bytes >> shift)\(unit)"
    }
    return "\(bytes)"
  }

  private static let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
}
