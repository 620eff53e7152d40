/// Natural order of numbered names: `epoch-9` before `epoch-10`.
public enum NaturalOrder {
  /// True if `a` comes before `b`.
  ///
  /// Runs of decimal digits compare by value whatever their length, everything else byte by byte. Names that
  /// differ in leading zeros alone are ordered by their bytes, so that the order is total.
  public static func precedes(_ a: String, _ b: String) -> Bool {
    let x = Array(a.utf8)
    let y = Array(b.utf8)
    var i = 0
    var j = 0
    while i < x.count && j < y.count {
      if isDigit(x[i]) && isDigit(y[j]) {
        let m = digits(x, from: &i)
        let n = digits(y, from: &j)
        if m.count != n.count { return m.count < n.count }
        if !m.elementsEqual(n) { return m.lexicographicallyPrecedes(n) }
      } else {
        if x[i] != y[j] { return x[i] < y[j] }
        i += 1
        j += 1
      }
    }
    if i < x.count || j < y.count { return i == x.count }
    return x.lexicographicallyPrecedes(y)
  }

  /// The digits at `position` without leading zeros; moves `position` past them.
  private static func digits(_ bytes: [UInt8], from position: inout Int) -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count && isDigit(bytes[position]) { position += 1 }
    return bytes[start..<position].drop { $0 == UInt8(ascii: "0") }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
