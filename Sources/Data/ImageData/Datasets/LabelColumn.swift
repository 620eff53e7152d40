/// Labels written as text, all of them whole numbers or all of them names.
///
/// Numbers are taken as they are, `3.0` too, which is how pandas writes 3 in a column that had a gap; names
/// are numbered in the order of their bytes. A mixture is refused: one slip of the pen would renumber all
/// classes.
struct LabelColumn {
  /// Why a label cannot be used.
  struct Fault: Error {
    let reason: String
  }

  private enum Content {
    case number(Int)
    case name([UInt8])
  }

  private var values: [Int?] = []
  /// Names by their first appearance.
  private var names: [[UInt8]] = []
  private var places: [[UInt8]: Int] = [:]
  private var firstText: String?

  /// Takes the label of the next item.
  mutating func append(_ text: some Collection<UInt8>) throws(Fault) {
    let content = try Self.content(of: text)
    if firstText == nil { firstText = display(text) }
    switch content {
    case .number(let number):
      guard names.isEmpty else {
        throw Fault(reason: "the label \(number) is a number, \"\(firstText!)\" before it a name")
      }
      values.append(number)
    case .name(let name):
      guard !names.isEmpty || values.allSatisfy({ $0 == nil }) else {
        throw Fault(reason: "the label \"\(display(name))\" is a name, \"\(firstText!)\" before it a number")
      }
      let place = places[name] ?? names.count
      if place == names.count {
        guard place < maximumClassCount else { throw Fault(reason: "more than \(maximumClassCount) classes") }
        names.append(name)
        places[name] = place
      }
      values.append(place)
    }
  }

  /// Takes the next item as one without a label.
  mutating func appendMissing() { values.append(nil) }

  /// Number of items, labeled or not.
  var count: Int { values.count }

  /// The class of each item, and the names of the classes if they have any.
  var result: (labels: [Int?], names: [String]?) {
    guard !names.isEmpty else { return (values, nil) }
    let order = names.indices.sorted { names[$0].lexicographicallyPrecedes(names[$1]) }
    var numbers = Array(repeating: 0, count: order.count)
    for (number, place) in order.enumerated() { numbers[place] = number }
    return (values.map { $0.map { numbers[$0] } }, order.map { display(names[$0]) })
  }

  private static func content(of text: some Collection<UInt8>) throws(Fault) -> Content {
    let trimmed = trimming(text)
    guard let first = trimmed.first else { throw Fault(reason: "the label is empty") }
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    // Names may begin with a digit, such as "3d-printer"; what reads as a number is meant as one.
    guard digits.contains(first) || "+-.".utf8.contains(first), let value = Double(display(trimmed)) else {
      return .name(trimmed)
    }
    let unsigned = first == UInt8(ascii: "+") ? trimmed.dropFirst() : trimmed[...]
    let whole = unsigned.prefix { digits.contains($0) }
    let fraction = unsigned.dropFirst(whole.count)
    let isWhole =
      !whole.isEmpty
      && (fraction.isEmpty
        || fraction.first == UInt8(ascii: ".") && fraction.dropFirst().allSatisfy { $0 == digits.lowerBound })
    guard isWhole, value < Double(maximumClassCount) else {
      throw Fault(reason: "expected a whole number from 0 as label, found \"\(display(trimmed))\"")
    }
    return .number(Int(value))
  }
}

/// `text` without white space at both ends.
func trimming(_ text: some Collection<UInt8>) -> [UInt8] {
  let isSpace = { (byte: UInt8) in byte == 32 || (9...13).contains(byte) }
  let start = text.drop(while: isSpace)
  let end = Array(start).lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0
  return Array(start.prefix(end))
}
