/// The objects that a pickle describes, as inert data: nothing is looked up, imported or called.
///
/// Nodes refer to each other by index, so a graph may share and contain itself, and a deep one is released without
/// recursion.
struct PickleGraph {
  typealias Reference = Int

  enum Node {
    case none
    case bool(Bool)
    case integer(Int)
    /// An integer beyond 64 bits: little-endian two's complement.
    case bigInteger([UInt8])
    case float(Double)
    case string(String)
    case bytes(Range<Int>)
    case tuple([Reference])
    case list([Reference])
    case set([Reference])
    case dictionary([(key: Reference, value: Reference)])
    /// A name that Python would import.
    case global(String)
    /// The object that calling `callable` with `arguments` would have made; `items` were stored into it
    /// afterwards.
    case object(
      callable: Reference, arguments: Reference, state: Reference?,
      items: [(key: Reference, value: Reference)])
    /// A persistent identifier: storages, in PyTorch files.
    case persistent(Reference)
  }

  static let nodeLimit = 1 << 23

  static let noneReference = 0
  static let falseReference = 1
  static let trueReference = 2

  /// Length of the pickle, which bounds what may be made of the graph: shared parts that are walked along every path to
  /// them multiply.
  let sourceCount: Int

  init(sourceCount: Int = 0) { self.sourceCount = sourceCount }

  /// `None` and the truth values are shared, which keeps graphs of many of them small.
  private(set) var nodes: [Node] = [.none, .bool(false), .bool(true)]
  /// Attributes that were set on dictionaries, such as `_metadata` of state dicts.
  private(set) var attributes: [Reference: Reference] = [:]

  subscript(reference: Reference) -> Node { nodes[reference] }

  mutating func add(_ node: Node) -> Reference {
    nodes.append(node)
    return nodes.count - 1
  }

  /// Sets the attributes of a dictionary.
  mutating func setAttributes(of dictionary: Reference, _ state: Reference) {
    attributes[dictionary] = state
  }

  /// Replaces a node while the graph holds no second copy of its arrays.
  mutating func update(_ reference: Reference, _ change: (inout Node) -> Void) {
    var node = Node.none
    swap(&node, &nodes[reference])
    change(&node)
    swap(&node, &nodes[reference])
  }
}

extension PickleGraph {
  func string(_ reference: Reference) -> String? {
    if case .string(let value) = nodes[reference] { value } else { nil }
  }

  func integer(_ reference: Reference) -> Int? {
    if case .integer(let value) = nodes[reference] { value } else { nil }
  }

  func global(_ reference: Reference) -> String? {
    if case .global(let name) = nodes[reference] { name } else { nil }
  }

  func tuple(_ reference: Reference) -> [Reference]? {
    if case .tuple(let items) = nodes[reference] { items } else { nil }
  }

  /// The members of a dictionary or of an object that items were stored into, such as a subclass of one.
  func members(_ reference: Reference) -> [(key: Reference, value: Reference)]? {
    switch nodes[reference] {
    case .dictionary(let members): members
    case .object(_, _, _, let items) where !items.isEmpty: items
    default: nil
    }
  }

  /// An attribute of an object or an ordered dictionary.
  func attribute(_ name: String, of reference: Reference) -> Reference? {
    if let state = attributes[reference] { return member(name, of: state) }
    guard case .object(_, _, let state?, _) = nodes[reference] else { return nil }
    return member(name, of: state)
  }

  /// The elements of a set, in the order in which they were written.
  func set(_ reference: Reference) -> [Reference]? {
    switch nodes[reference] {
    case .set(let items): return items
    // Protocol 2 has no sets of its own: `set([…])`.
    case .object(let callable, let arguments, _, _):
      guard let name = global(callable), name == "__builtin__.set" || name == "builtins.set",
        let list = tuple(arguments)?.first, case .list(let items) = nodes[list]
      else { return nil }
      return items
    default: return nil
    }
  }

  /// The value under a text key; of several the last, as assignment would leave it.
  func member(_ key: String, of reference: Reference) -> Reference? {
    members(reference)?.last { string($0.key).map { TensorName($0) == TensorName(key) } ?? false }?.value
  }
}

extension PickleGraph {
  /// A small object as JSON: texts, numbers, lists, dictionaries and namespaces; null for anything else, and for all that
  /// is beyond a depth of 8 or the 20,000th value.
  func json(_ reference: Reference) -> JSON {
    var budget = 20_000
    return json(reference, depth: 0, &budget)
  }

  private func json(_ reference: Reference, depth: Int, _ budget: inout Int) -> JSON {
    budget -= 1
    if case .string(let text) = nodes[reference] { budget -= text.utf8.count / 64 }
    guard budget > 0, depth < 8 else { return .null }
    if let members = namespace(reference) ?? members(reference) {
      var object: [(String, JSON)] = []
      for member in members.prefix(budget) {
        guard let key = string(member.key) ?? integer(member.key).map({ "\($0)" }) else { continue }
        object.append((key, json(member.value, depth: depth + 1, &budget)))
      }
      return .object(object)
    }
    switch nodes[reference] {
    case .bool(let value): return .bool(value)
    case .integer(let value): return JSON(value)
    case .float(let value): return JSON(value)
    case .string(let value): return .string(value)
    case .list(let items), .tuple(let items), .set(let items):
      var array: [JSON] = []
      for item in items.prefix(budget) { array.append(json(item, depth: depth + 1, &budget)) }
      return .array(array)
    default: return .null
    }
  }

  /// The members of `argparse.Namespace` and its like: objects without arguments whose state is a dictionary.
  private func namespace(_ reference: Reference) -> [(key: Reference, value: Reference)]? {
    guard case .object(let callable, _, let state?, _) = nodes[reference], let name = global(callable),
      ["argparse.Namespace", "types.SimpleNamespace"].contains(name)
    else { return nil }
    return members(state)
  }
}

/// Work on a graph's objects, bounded by the pickle's length.
///
/// A graph shares its parts, so a walk that follows every path may take exponential time and memory for a pickle of a few
/// hundred bytes. A file that means what it says mentions its objects once or twice.
final class PickleWorkBudget {
  /// Objects and bytes of names that may be visited for every byte of the pickle, besides a fixed number for small ones.
  static let perByte = 16
  static let minimum = 1 << 20

  private let sourceCount: Int
  private var remaining: Int

  init(_ graph: PickleGraph) {
    sourceCount = graph.sourceCount
    remaining = Self.minimum + graph.sourceCount * Self.perByte
  }

  /// - Throws: `StateDictError` when the work exceeds what the length of the pickle allows.
  func spend(_ amount: Int) throws(StateDictError) {
    remaining -= amount
    guard remaining >= 0 else {
      throw .none(
        reason: "pickle: \(sourceCount) bytes describe objects that repeat each other without bound")
    }
  }
}
