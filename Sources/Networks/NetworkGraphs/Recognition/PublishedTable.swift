import Checkpoint

/// The published networks of a family whose tensors do not show all that they compute, with the settings that only
/// their names determine.
///
/// A line of the text is a name, the digest of the network's layout, and settings: `key=value`, or a bare key. The
/// tables are written by `Tests/Interop/make_published_tables.py`.
struct PublishedTable: Sendable {
  struct Row: Sendable {
    let name: String
    let digest: UInt64
    fileprivate let settings: [String: String]
    /// The settings on one line.
    let description: String

    /// True if the setting is there, with or without a value.
    func has(_ key: String) -> Bool { settings[key] != nil }
    func text(_ key: String) -> String { settings[key] ?? "" }
    func integer(_ key: String) -> Int { number(key, Int.init) }
    func real(_ key: String) -> Double { number(key, Double.init) }
    func integers(_ key: String) -> [Int] { text(key).split(separator: ",").compactMap { Int($0) } }
    func activation(_ key: String) -> Activation { number(key, Activation.init(rawValue:)) }

    private func number<Number>(_ key: String, _ parse: (String) -> Number?) -> Number {
      guard let number = parse(text(key)) else { preconditionFailure("\(name) has no setting \(key)") }
      return number
    }
  }

  /// Published names of the classifier's layers; several lists where networks of the family end differently.
  let heads: [[String]]
  /// Ends of the names of tensors whose shapes depend on the size of the images.
  let resizable: [String]
  let rows: [Row]

  init(heads: [[String]], resizable: [String] = [], _ text: String) {
    self.heads = heads
    self.resizable = resizable
    rows = text.split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 2, let digest = UInt64(words[1], radix: 16) else {
        preconditionFailure("a bad line in a table of networks: \(line)")
      }
      let settings = words.dropFirst(2).map { word in
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
      }
      return Row(
        name: words[0], digest: digest,
        settings: Dictionary(settings, uniquingKeysWith: { first, _ in first }),
        description: words.dropFirst(2).joined(separator: " "))
    }
  }

  /// The rows with the layout of a state dict.
  func rows(of state: StateDict) -> [Row] {
    let layouts = heads.compactMap { heads -> Layout? in
      guard heads.allSatisfy({ state.headName($0) != nil }) else { return nil }
      return Layout(
        state.source.tensors.filter { !$0.dtype.isInteger },
        heads: heads.map { ($0, state.headName($0) ?? $0) }, resizable: resizable)
    }
    return rows.filter { row in layouts.contains { $0.digest == row.digest } }
  }

  /// The row of a state dict: that of the requested name, or the shortest name if all with these tensors compute the
  /// same.
  ///
  /// - Parameter family: The name of all networks of the table, which requests none of them.
  func row(of state: StateDict, named requested: String?, family: String) throws -> Row {
    let candidates = rows(of: state).sorted { ($0.name.utf8.count, $0.name) < ($1.name.utf8.count, $1.name) }
    if let requested, requested != family {
      guard let match = candidates.first(where: { $0.name == requested }) else {
        throw NetworkError.otherArchitecture(
          label: state.label, requested: requested, found: candidates.first?.name ?? "other tensors")
      }
      return match
    }
    guard let first = candidates.first else {
      throw NetworkError.otherArchitecture(label: state.label, requested: family, found: "other tensors")
    }
    guard candidates.allSatisfy({ $0.settings == first.settings }) else {
      throw NetworkError.ambiguous(label: state.label, candidates: candidates.map(\.name))
    }
    return first
  }
}

/// A published network, as a state dict or its name determines it.
struct Published: Sendable {
  let row: PublishedTable.Row
  /// The settings of the row on one line, where the network was not named.
  var assumption: String?
}

/// A family that is known by the layouts of its published networks alone. A conforming type stores nothing but
/// `published`, so that its memberwise initializer is the one required.
protocol TabulatedArchitecture: Architecture {
  /// The name of all networks of the family.
  static var family: String { get }
  static var table: PublishedTable { get }
  var published: Published { get }
  init(published: Published)
}

extension TabulatedArchitecture {
  static var names: [String] { [family] + table.rows.map(\.name) }

  static func recognises(_ state: StateDict) -> Bool { !table.rows(of: state).isEmpty }

  init(_ state: StateDict, name: String?) throws {
    let row = try Self.table.row(of: state, named: name, family: Self.family)
    let isCertain = name != nil || row.description.isEmpty
    self.init(
      published: Published(
        row: row, assumption: isCertain ? nil : "no tensor shows its settings: \(row.description)"))
  }

  /// The settings that no tensor shows.
  var row: PublishedTable.Row { published.row }

  var name: String { row.name }

  var assumption: String? { published.assumption }

  var headName: String { Self.table.heads[0][0] }
}
