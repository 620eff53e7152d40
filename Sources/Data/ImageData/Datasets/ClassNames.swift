/// Orders in which class names are numbered.
public enum ClassOrder: String, Sendable, CaseIterable {
  /// By the bytes of the names, as torchvision sorts them: `10` before `2`, `Z` before `a`.
  case bytes
  /// As timm's `natural_key` sorts them: in lower case, runs of digits as numbers.
  ///
  /// Source: `timm/utils/misc.py`.
  case natural

  /// `dataset` with its classes numbered in this order.
  /// - Throws: `settingWithoutMeaning` when the numbers are not those of sorted names; `badDataset` when two names are
  ///   equal in this order.
  func applied(to dataset: any ImageDataset) throws(ImageDataError) -> any ImageDataset {
    guard let names = dataset.classNames else {
      throw .settingWithoutMeaning(
        path: dataset.name, .classOrder, reason: "the images have no named classes")
    }
    guard !zip(names, names.dropFirst()).contains(where: { !precedes($0, $1) }) else {
      throw .settingWithoutMeaning(
        path: dataset.name, .classOrder, reason: "the data set itself numbers its classes")
    }
    guard self == .natural else { return dataset }
    let sorted = names.map { (key: NaturalKey($0), name: $0) }.sorted { $0.key < $1.key }
    for (a, b) in zip(sorted, sorted.dropFirst()) where !(a.key < b.key) {
      throw .badDataset(
        path: dataset.name,
        reason: "the class names \"\(a.name)\" and \"\(b.name)\" are equal in natural order")
    }
    return try dataset.numbered(by: sorted.map(\.name), of: dataset.name)
  }

  private func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}

/// A name as timm compares it: texts in lower case and numbers by turns, beginning with a text.
private struct NaturalKey: Comparable {
  /// Code points of the texts, digits of the numbers without leading zeros.
  private var parts: [[UInt32]] = [[]]

  init(_ name: String) {
    for scalar in name.lowercased().unicodeScalars {
      let properties = scalar.properties
      // Python's \d: decimal digits of any script.
      let digit = properties.numericType == .decimal ? properties.numericValue.map { UInt32($0) } : nil
      if (digit != nil) == parts.count.isMultiple(of: 2) {
        parts[parts.count - 1].append(digit ?? scalar.value)
      } else {
        parts.append([digit ?? scalar.value])
      }
    }
    // Numbers end in a text, as Python's `re.split` leaves an empty one after them.
    if parts.count.isMultiple(of: 2) { parts.append([]) }
    for number in parts.indices where !number.isMultiple(of: 2) {
      parts[number] = Array(parts[number].drop { $0 == 0 })
    }
  }

  static func < (a: Self, b: Self) -> Bool {
    for (index, (left, right)) in zip(a.parts, b.parts).enumerated() where left != right {
      if !index.isMultiple(of: 2), left.count != right.count { return left.count < right.count }
      return left.lexicographicallyPrecedes(right)
    }
    return a.parts.count < b.parts.count
  }
}

extension ImageDataset {
  /// Two class names, one after the other in the order of their bytes, that change places in natural order; nil if both
  /// orders number the classes alike, or if the data set numbers them by another order.
  ///
  /// A network that timm trained on such folders has other numbers than one that torchvision trained.
  public var orderInDoubt: (first: String, second: String)? {
    guard let classNames else { return nil }
    let neighbours = zip(classNames, classNames.dropFirst())
    guard neighbours.allSatisfy({ $0.utf8.lexicographicallyPrecedes($1.utf8) }) else { return nil }
    let keys = classNames.map { NaturalKey($0) }
    guard let place = zip(keys, keys.dropFirst()).enumerated().first(where: { $1.1 < $1.0 })?.offset else {
      return nil
    }
    return (classNames[place], classNames[place + 1])
  }

  /// This data set with its classes numbered by their places in `names`.
  ///
  /// Names are compared byte by byte; `names` may hold more than this data set has.
  /// - Parameters:
  ///   - names: Names of the classes in the order of a classifier's outputs, or of another data set's labels.
  ///   - owner: What errors say the names belong to.
  /// - Returns: The data set itself if it has no names or its numbers are those already.
  /// - Throws: `unknownClass` for a class that is not among `names`, or is there twice.
  public func numbered(by names: [String], of owner: String) throws(ImageDataError) -> any ImageDataset {
    guard let classNames, !hasClassNames(names) else { return self }
    var places: [[UInt8]: [Int]] = [:]
    for (place, name) in names.enumerated() { places[Array(name.utf8), default: []].append(place) }
    var numbers: [Int] = []
    for name in classNames {
      guard let found = places[Array(name.utf8)], found.count == 1 else {
        let times = places[Array(name.utf8)]?.count ?? 0
        throw .unknownClass(path: self.name, className: name, owner: owner, occurrences: times, known: names)
      }
      numbers.append(found[0])
    }
    return RenumberedDataset(base: self, numbers: numbers, names: names)
  }

  /// True if the classes are called `names`, in this order.
  public func hasClassNames(_ names: [String]) -> Bool {
    classNames?.elementsEqual(names) { $0.utf8.elementsEqual($1.utf8) } ?? false
  }

  /// True if at least one class is called as one of `names`.
  public func sharesClassName(with names: [String]) -> Bool {
    let known = Set(names.map { Array($0.utf8) })
    return classNames?.contains { known.contains(Array($0.utf8)) } ?? false
  }
}

/// A data set under other numbers of its classes.
private struct RenumberedDataset: ImageDataset {
  let base: any ImageDataset
  /// The new number of each class.
  let numbers: [Int]
  let names: [String]

  var name: String { base.name }
  var count: Int { base.count }
  var classNames: [String]? { names }
  var labelSource: LabelSource { base.labelSource }
  func label(_ index: Int) -> Int? { base.label(index).map { numbers[$0] } }
  func image(_ index: Int) throws -> RGBImage { try base.image(index) }
  var hasBands: Bool { base.hasBands }
  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try base.bands(index, channels: channels)
  }
  func check(_ index: Int) throws { try base.check(index) }
  func itemName(_ index: Int) -> String { base.itemName(index) }
}
