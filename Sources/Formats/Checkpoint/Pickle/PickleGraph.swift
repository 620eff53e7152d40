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
    /// What calling `callable` with `arguments` would have made; `items` were stored into it afterwards.
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

  /// None and the truth values are shared, which keeps graphs of many of them small.
  private(set) var nodes: [Node] = [.none, .bool(false), .bool(true)]

  subscript(reference: Reference) -> Node { nodes[reference] }

  mutating func add(_ node: Node) -> Reference {
    nodes.append(node)
    return nodes.count - 1
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

  /// The value under a text key; of several the last, as assignment would leave it.
  func member(_ key: String, of reference: Reference) -> Reference? {
    members(reference)?.last { string($0.key).map { TensorName($0) == TensorName(key) } ?? false }?.value
  }
}
