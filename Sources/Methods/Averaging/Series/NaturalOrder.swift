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

/// The training step, or another number, in a checkpoint's name.
public enum StepNumber {
  /// The number after the last `step` in the name, else the last number of the file's name, else that of the
  /// nearest folder that has one; nil when there is none. The extension does not count.
  ///
  /// - Parameters:
  ///   - path: Path of the checkpoint.
  ///   - word: Word that replaces `step`, in lower-case letters.
  public static func parse(_ path: String, after word: String = "step") -> Double? {
    for component in path.utf8.split(separator: UInt8(ascii: "/")).reversed() {
      let stem = component.lastIndex(of: UInt8(ascii: ".")).map { component[..<$0] } ?? component
      if let number = number(after: Array(word.utf8), in: Array(stem)) ?? numbers(in: Array(stem)).last?.value
      {
        return number
      }
    }
    return nil
  }

  private static func number(after word: [UInt8], in bytes: [UInt8]) -> Double? {
    return numbers(in: bytes).last { number in
      // `step=100`, `step_100`, `steps-100`, `global_step100`.
      var before = bytes[..<number.start].map { $0 | 0x20 }[...]
      while let last = before.last, !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(last) {
        before = before.dropLast()
        if bytes[before.endIndex] >= 0x30 && bytes[before.endIndex] <= 0x39 { return false }
      }
      if before.last == UInt8(ascii: "s") && before.count > word.count { before = before.dropLast() }
      return before.suffix(word.count).elementsEqual(word)
    }?.value
  }

  private static func numbers(in bytes: [UInt8]) -> [(start: Int, value: Double)] {
    var found: [(start: Int, value: Double)] = []
    var position = 0
    while position < bytes.count {
      let start = position
      while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
      if position > start {
        found.append((start, Double(String(decoding: bytes[start..<position], as: UTF8.self))!))
      }
      position += 1
    }
    return found
  }
}
