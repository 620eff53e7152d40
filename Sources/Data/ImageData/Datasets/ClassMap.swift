import Checkpoint

/// A file that numbers classes by their names.
///
/// Text has one class per line from class 0 on: `n01440764`, `n01440764 tench`, a name with spaces, or `0 n01440764`
/// with the number before it. JSON is `{"0": "tench"}`, `{"0": ["n01440764", "tench"]}` as Keras distributes it,
/// `{"tench": 0}` as torchvision's `class_to_idx`, or an array of names. Which part of a line or an entry is the name is
/// told by the classes of the data set; where two readings fit and number them differently, the file is refused.
struct ClassMap {
  private let path: String
  /// The ways to read the file: names by number.
  private let readings: [[[UInt8]]]

  /// - Throws: Errors of reading, `badDataset` for a file of none of these forms.
  init(path: String) throws(ImageDataError) {
    self.path = path
    var bytes = try readFile(Array(path.utf8))
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
    let first = trimming(bytes).first
    let looksLikeJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    if path.ends(in: ".json") || looksLikeJSON, let json = try Self.parse(bytes, path: path) {
      readings = try Self.readings(of: json, path: path)
    } else {
      readings = try Self.readings(ofLines: bytes, path: path)
    }
  }

  /// `dataset` with its classes numbered by the file.
  /// - Throws: `settingWithoutMeaning` if the classes have no names, `badDataset` if the file does not name each of them
  ///   once.
  func applied(to dataset: any ImageDataset) throws(ImageDataError) -> any ImageDataset {
    guard let names = dataset.classNames else {
      throw .settingWithoutMeaning(
        path: dataset.name, .classMap,
        reason: dataset.count > 0 && dataset.label(0) != nil
          ? "the labels are numbers, not names" : "the images have no named classes")
    }
    let classes = names.map { Array($0.utf8) }
    var chosen: (reading: [[UInt8]], numbers: [Int])?
    var problem: String?
    for reading in readings {
      let numbers: [Int]
      switch Self.numbers(of: classes, in: reading) {
      case .success(let found): numbers = found
      case .failure(let missing):
        problem = problem ?? describe(missing, of: dataset.name, in: reading)
        continue
      }
      guard let other = chosen, other.numbers != numbers else {
        chosen = chosen ?? (reading, numbers)
        continue
      }
      let place = numbers.indices.first { numbers[$0] != other.numbers[$0] }!
      throw .badDataset(
        path: path,
        reason: "the class \"\(names[place])\" could be number \(other.numbers[place]) or "
          + "\(numbers[place]): the file reads as numbers before names and as names before descriptions")
    }
    guard let chosen else { throw .badDataset(path: path, reason: problem ?? "no class is named") }
    return try dataset.numbered(by: chosen.reading.map { display($0) }, of: path)
  }

  // MARK: Looking up

  private enum Missing: Error {
    case absent([UInt8])
    case repeated([UInt8])
  }

  private static func numbers(of classes: [[UInt8]], in reading: [[UInt8]]) -> Result<[Int], Missing> {
    var places: [[UInt8]: Int] = [:]
    var repeated: Set<[UInt8]> = []
    for (place, name) in reading.enumerated() where places.updateValue(place, forKey: name) != nil {
      repeated.insert(name)
    }
    var numbers: [Int] = []
    for name in classes {
      if repeated.contains(name) { return .failure(.repeated(name)) }
      guard let place = places[name] else { return .failure(.absent(name)) }
      numbers.append(place)
    }
    return .success(numbers)
  }

  private func describe(_ missing: Missing, of dataset: String, in reading: [[UInt8]]) -> String {
    switch missing {
    case .repeated(let name): return "the class \"\(display(name))\" is named twice"
    case .absent(let name):
      let first = reading.first.map { ", the first \"\(display($0.prefix(60)))\"" } ?? ""
      return "no name for the class \"\(display(name))\" of \(dataset): \(reading.count) names\(first)"
    }
  }

  // MARK: Text

  private static func readings(ofLines bytes: [UInt8], path: String) throws(ImageDataError) -> [[[UInt8]]] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(trimming)
    while lines.last?.isEmpty == true { lines.removeLast() }
    guard !lines.isEmpty else { throw .badDataset(path: path, reason: "the file names no class") }
    if let blank = lines.firstIndex(of: []) {
      throw .badDataset(path: path, reason: "line \(blank + 1) is empty: expected a class in every line")
    }
    var readings = [lines]
    let tab = UInt8(ascii: "\t")
    if lines.contains(where: { $0.contains(tab) }) {
      readings.append(lines.map { line in trimming(line.prefix { $0 != tab }) })
    }
    let words = lines.map { line in Array(line.prefix { $0 != 32 && $0 != tab }) }
    if words != lines {
      readings.append(words)
      let rests = zip(lines, words).map { trimming($0.dropFirst($1.count)) }
      if let numbers = wholeNumbers(words), !rests.contains([]),
        let numbered = ordered(zip(numbers, rests).map { (number: $0, name: $1) })
      {
        readings.append(numbered)
      }
    }
    return readings
  }

  private static func wholeNumbers(_ words: [[UInt8]]) -> [Int]? {
    let numbers = words.compactMap { word in
      word.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(display(word)) : nil
    }
    return numbers.count == words.count ? numbers : nil
  }

  /// The names by number, nil unless the numbers are those from 0 on without a gap.
  private static func ordered(_ entries: [(number: Int, name: [UInt8])]) -> [[UInt8]]? {
    let sorted = entries.sorted { $0.number < $1.number }
    return sorted.map(\.number).elementsEqual(0..<sorted.count) ? sorted.map(\.name) : nil
  }

  // MARK: JSON

  private static func parse(_ bytes: [UInt8], path: String) throws(ImageDataError) -> JSON? {
    do {
      return try JSON.parse(bytes)
    } catch {
      if path.ends(in: ".json") { throw .badDataset(path: path, reason: "\(error)") }
      return nil
    }
  }

  private static func readings(of json: JSON, path: String) throws(ImageDataError) -> [[[UInt8]]] {
    let bad = ImageDataError.badDataset(
      path: path,
      reason: "expected {\"0\": name}, {\"0\": [name, …]}, {name: 0} or an array of names in the JSON file")
    var entries: [(number: Int, names: [String])] = []
    if let members = json.objectValue {
      for (key, value) in members {
        if let number = value.intValue {
          entries.append((number, [key]))
        } else if let number = Int(key), let names = Self.names(value) {
          entries.append((number, names))
        } else {
          throw bad
        }
      }
    } else if let values = json.arrayValue {
      for (number, value) in values.enumerated() {
        guard let names = Self.names(value) else { throw bad }
        entries.append((number, names))
      }
    }
    guard let width = entries.map(\.names.count).min(), width > 0 else { throw bad }
    var readings: [[[UInt8]]] = []
    for column in 0..<width {
      guard let names = ordered(entries.map { ($0.number, Array($0.names[column].utf8)) }) else {
        throw .badDataset(
          path: path,
          reason: "expected the numbers 0 to \(entries.count - 1), each of one class, in the JSON file")
      }
      readings.append(names)
    }
    return readings
  }

  private static func names(_ value: JSON) -> [String]? {
    if let name = value.stringValue { return [name] }
    let names = value.arrayValue?.compactMap(\.stringValue)
    return names?.count == value.arrayValue?.count ? names : nil
  }
}
