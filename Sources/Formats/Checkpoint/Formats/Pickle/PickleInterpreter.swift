/// Runs a pickle of protocols 2 to 5 and keeps what it describes as inert data.
///
/// Every operation costs at least a byte of the file, and every node an operation; texts that are put together are
/// counted, so memory and time are bounded by the file's size. Source: CPython, `Lib/pickletools.py`.
struct PickleInterpreter {
  private(set) var graph: PickleGraph
  private(set) var reader: PickleReader
  private var stack: [PickleGraph.Reference] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleGraph.Reference] = [:]
  /// The longest name of a module or of something in it, as with names on lines.
  private static let nameLimit = 1024
  /// Bytes that joined names may still take.
  private var joinedLimit: Int

  /// - Parameter position: Where the pickle starts in `bytes`.
  init(_ bytes: [UInt8], from position: Int = 0) {
    graph = PickleGraph(sourceCount: bytes.count - position)
    reader = PickleReader(bytes, from: position)
    joinedLimit = 1 << 16 + 64 * (bytes.count - position)
  }

  /// Runs to the STOP operation.
  ///
  /// - Returns: The object that the pickle leaves.
  mutating func run() throws(PickleError) -> PickleGraph.Reference {
    while true {
      guard graph.nodes.count < PickleGraph.nodeLimit, memo.count < PickleGraph.nodeLimit else {
        throw reader.fail("more than \(PickleGraph.nodeLimit) objects")
      }
      let operation = try reader.byte()
      if operation == UInt8(ascii: ".") { return try pop() }
      if try runScalar(operation) { continue }
      if try runContainer(operation) { continue }
      let name =
        operation > 0x20 && operation < 0x7F ? "'\(Character(Unicode.Scalar(operation)))'" : "\(operation)"
      throw reader.fail("operation \(name) is not one of those that checkpoints use")
    }
  }

  private mutating func push(_ node: PickleGraph.Node) { stack.append(graph.add(node)) }

  private mutating func pop() throws(PickleError) -> PickleGraph.Reference {
    guard stack.count > marks.last ?? 0 else { throw reader.fail("the stack is empty") }
    return stack.removeLast()
  }

  private func top() throws(PickleError) -> PickleGraph.Reference {
    guard stack.count > marks.last ?? 0 else { throw reader.fail("the stack is empty") }
    return stack[stack.count - 1]
  }

  private mutating func popToMark() throws(PickleError) -> [PickleGraph.Reference] {
    guard let mark = marks.popLast() else { throw reader.fail("no mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  /// Values without parts, names, and the memo.
  private mutating func runScalar(_ operation: UInt8) throws(PickleError) -> Bool {
    switch operation {
    case 0x80:  // PROTO
      let version = try reader.byte()
      guard (2...5).contains(version) else { throw reader.fail("protocol \(version)") }
    case 0x95: _ = try reader.range(8)  // FRAME
    case UInt8(ascii: "N"): stack.append(PickleGraph.noneReference)
    case 0x88: stack.append(PickleGraph.trueReference)
    case 0x89: stack.append(PickleGraph.falseReference)
    case UInt8(ascii: "K"): push(.integer(try reader.length(1)))
    case UInt8(ascii: "M"): push(.integer(try reader.length(2)))
    case UInt8(ascii: "J"): push(.integer(Int(Int32(truncatingIfNeeded: try reader.length(4)))))
    case 0x8A: try pushLong(reader.length(1))
    case 0x8B: try pushLong(reader.length(4))
    case UInt8(ascii: "G"):
      let bits = reader.bytes[try reader.range(8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      push(.float(Double(bitPattern: bits)))
    case UInt8(ascii: "X"): push(.string(try reader.text(reader.length(4))))
    case 0x8C: push(.string(try reader.text(reader.length(1))))
    case 0x8D: push(.string(try reader.text(reader.length(8))))
    case UInt8(ascii: "U"), UInt8(ascii: "C"): push(.bytes(try reader.range(reader.length(1))))
    case UInt8(ascii: "T"), UInt8(ascii: "B"): push(.bytes(try reader.range(reader.length(4))))
    case 0x8E, 0x96: push(.bytes(try reader.range(reader.length(8))))
    case UInt8(ascii: "c"):
      let module = try reader.line()
      push(.global("\(module).\(try reader.line())"))
    case 0x93:  // STACK_GLOBAL
      guard let name = graph.string(try pop()), let module = graph.string(try pop()) else {
        throw reader.fail("a name that is no text")
      }
      joinedLimit -= module.utf8.count + name.utf8.count
      guard max(module.utf8.count, name.utf8.count) <= Self.nameLimit, joinedLimit >= 0 else {
        throw reader.fail("names that are too long")
      }
      push(.global("\(module).\(name)"))
    case UInt8(ascii: "q"): memo[try reader.length(1)] = try top()
    case UInt8(ascii: "r"): memo[try reader.length(4)] = try top()
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "h"): try pushMemo(reader.length(1))
    case UInt8(ascii: "j"): try pushMemo(reader.length(4))
    case UInt8(ascii: "Q"): push(.persistent(try pop()))
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    default: return false
    }
    return true
  }

  private mutating func pushLong(_ count: Int) throws(PickleError) {
    let bytes = reader.bytes[try reader.range(count)]
    guard count <= 8 else {
      push(.bigInteger(Array(bytes)))
      return
    }
    let negative = bytes.last.map { $0 >= 0x80 } ?? false
    push(.integer(bytes.reversed().reduce(negative ? -1 : 0) { $0 << 8 | Int($1) }))
  }

  private mutating func pushMemo(_ index: Int) throws(PickleError) {
    guard let reference = memo[index] else { throw reader.fail("memo \(index) was never stored") }
    stack.append(reference)
  }

  /// Containers, and the operations that would call something.
  private mutating func runContainer(_ operation: UInt8) throws(PickleError) -> Bool {
    switch operation {
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: ")"): push(.tuple([]))
    case UInt8(ascii: "]"): push(.list([]))
    case UInt8(ascii: "}"): push(.dictionary([]))
    case 0x8F: push(.set([]))
    case UInt8(ascii: "t"): push(.tuple(try popToMark()))
    case UInt8(ascii: "l"): push(.list(try popToMark()))
    case UInt8(ascii: "d"): push(.dictionary(try pairs(popToMark())))
    case 0x91: push(.set(try popToMark()))  // FROZENSET
    case 0x85: push(.tuple([try pop()]))
    case 0x86:
      let second = try pop()
      push(.tuple([try pop(), second]))
    case 0x87:
      let third = try pop()
      let second = try pop()
      push(.tuple([try pop(), second, third]))
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"), 0x90: try append(popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try store([(try pop(), value)])
    case UInt8(ascii: "u"): try store(pairs(popToMark()))
    case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
      let arguments = try pop()
      try construct(pop(), arguments)
    case 0x92:  // NEWOBJ_EX
      let keywords = try pop()
      let arguments = try pop()
      try construct(pop(), graph.add(.tuple([arguments, keywords])))
    case UInt8(ascii: "b"): try build(pop())
    default: return false
    }
    return true
  }

  private func pairs(
    _ items: [PickleGraph.Reference]
  ) throws(PickleError) -> [(key: PickleGraph.Reference, value: PickleGraph.Reference)] {
    guard items.count % 2 == 0 else { throw reader.fail("a key without a value") }
    return stride(from: 0, to: items.count, by: 2).map { (key: items[$0], value: items[$0 + 1]) }
  }

  private mutating func append(_ items: [PickleGraph.Reference]) throws(PickleError) {
    let target = try top()
    switch graph[target] {
    case .list, .set: break
    case .object where !graph.isTensor(target): break
    default: throw reader.fail("appending to what is no list")
    }
    graph.update(target) { node in
      switch node {
      case .list(var list):
        node = .none
        list += items
        node = .list(list)
      case .set(var set):
        node = .none
        set += items
        node = .set(set)
      // A subclass of list: its elements play no part in finding tensors.
      default: break
      }
    }
  }

  private mutating func store(
    _ pairs: [(key: PickleGraph.Reference, value: PickleGraph.Reference)]
  ) throws(PickleError) {
    let target = try top()
    switch graph[target] {
    case .dictionary: break
    case .object where !graph.isTensor(target): break
    default: throw reader.fail("storing an item into what is no dictionary")
    }
    graph.update(target) { node in
      switch node {
      case .dictionary(var members):
        node = .none
        members += pairs
        node = .dictionary(members)
      case .object(let callable, let arguments, let state, var items):
        node = .none
        items += pairs
        node = .object(callable: callable, arguments: arguments, state: state, items: items)
      default: break
      }
    }
  }

  private mutating func construct(
    _ callable: PickleGraph.Reference, _ arguments: PickleGraph.Reference
  ) throws(PickleError) {
    // An empty ordered dictionary is a dictionary; everything else stays a description.
    if graph.global(callable) == "collections.OrderedDict", graph.tuple(arguments)?.isEmpty == true {
      push(.dictionary([]))
    } else {
      push(.object(callable: callable, arguments: arguments, state: nil, items: []))
    }
  }

  private mutating func build(_ state: PickleGraph.Reference) throws(PickleError) {
    let target = try top()
    switch graph[target] {
    // Attributes of an ordered dictionary: `_metadata` of state dicts.
    case .dictionary: graph.setAttributes(of: target, state)
    case .object(let callable, let arguments, _, let items):
      graph.update(target) { node in
        node = .object(callable: callable, arguments: arguments, state: state, items: items)
      }
    default: throw reader.fail("setting the state of what has none")
    }
  }
}

/// Reads the operands of pickle operations from bytes that are already in memory.
struct PickleReader {
  let bytes: [UInt8]
  private(set) var position: Int

  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  func fail(_ reason: String) -> PickleError { PickleError(offset: position, reason: reason) }

  mutating func byte() throws(PickleError) -> UInt8 {
    guard position < bytes.count else { throw fail("ends early") }
    position += 1
    return bytes[position - 1]
  }

  /// The next `count` bytes, as a range; they are there, whatever a length field claims.
  mutating func range(_ count: Int) throws(PickleError) -> Range<Int> {
    guard count >= 0, count <= bytes.count - position else { throw fail("length \(count) is beyond the end") }
    position += count
    return position - count..<position
  }

  /// An unsigned little-endian integer of up to 8 bytes that fits `Int`.
  mutating func length(_ width: Int) throws(PickleError) -> Int {
    let value = bytes[try range(width)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let length = Int(exactly: value) else { throw fail("length \(value) is beyond the end") }
    return length
  }

  mutating func text(_ count: Int) throws(PickleError) -> String {
    // Python writes lone surrogates; as a name they would not survive in JSON either.
    guard let text = String(validating: bytes[try range(count)], as: UTF8.self) else {
      throw fail("text is not UTF-8")
    }
    return text
  }

  mutating func line() throws(PickleError) -> String {
    guard let end = bytes[position...].prefix(1024).firstIndex(of: 0x0A) else {
      throw fail("name without an end")
    }
    let text = try text(end - position)
    position += 1
    return text
  }
}

/// Why a pickle cannot be read.
struct PickleError: Error, Equatable, CustomStringConvertible {
  var offset: Int
  var reason: String
  var description: String { "pickle: byte \(offset): \(reason)" }
}
