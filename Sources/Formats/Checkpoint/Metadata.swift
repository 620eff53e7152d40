/// The `__metadata__` of a checkpoint: texts by key, compared as UTF-8 bytes and written sorted.
public struct Metadata: Sendable, Equatable {
  private var entries: [TensorName: String] = [:]

  /// No entries.
  public init() {}

  /// The entries of `dictionary`.
  public init(_ dictionary: [String: String]) {
    for (key, value) in dictionary { self[key] = value }
  }

  /// The text under `key`; assigning nil removes the entry.
  public subscript(key: String) -> String? {
    get { entries[TensorName(key)] }
    set { entries[TensorName(key)] = newValue }
  }

  /// True if there are no entries.
  public var isEmpty: Bool { entries.isEmpty }

  /// The entries in the order of the keys' bytes.
  public var sortedEntries: [(key: String, value: String)] {
    entries.sorted { $0.key < $1.key }.map { (key: $0.key.string, value: $0.value) }
  }

  /// Equality of keys and of texts, byte by byte.
  public static func == (a: Metadata, b: Metadata) -> Bool {
    a.entries.mapValues { TensorName($0) } == b.entries.mapValues { TensorName($0) }
  }
}

extension Metadata {
  /// Groups of tensors that were one and the same before they were written as copies: a JSON array of arrays of names
  /// under `ckpt.tied`. Names and groups are sorted.
  public var tiedTensors: [[TensorName]] {
    get {
      guard let text = self[MetadataKey.tied], case .array(let groups)? = try? JSON.parse(Array(text.utf8))
      else {
        return []
      }
      return groups.compactMap { group in
        let names = (group.arrayValue ?? []).compactMap(\.stringValue).map { TensorName($0) }
        return names.count > 1 ? names : nil
      }
    }
    set {
      let groups = newValue.filter { $0.count > 1 }.map { $0.sorted() }.sorted {
        $0.lexicographicallyPrecedes($1)
      }
      self[MetadataKey.tied] =
        groups.isEmpty
        ? nil : JSON.array(groups.map { .array($0.map { .string($0.string) }) }).encoded()
    }
  }
}
