/// A pickled Python dictionary of plain data: NumPy arrays, lists of whole numbers and of texts.
///
/// No code is executed; whatever else the pickle describes is passed over.
package struct PickledDictionary {
  private let bytes: [UInt8]
  private let graph: PickleGraph
  private var members: [(key: String, value: PickleGraph.Reference)]

  /// - Parameter label: Name in errors.
  /// - Throws: `CheckpointError.malformed` for a pickle that cannot be read or is no dictionary.
  package init(_ bytes: [UInt8], label: String) throws(CheckpointError) {
    self.bytes = bytes
    var interpreter = PickleInterpreter(bytes)
    let root: PickleGraph.Reference
    do { root = try interpreter.run() } catch { throw .malformed(path: label, reason: "\(error)") }
    graph = interpreter.graph
    members = []
    guard let found = graph.members(root) else {
      throw .malformed(path: label, reason: "pickle: expected a dictionary")
    }
    members = found.compactMap { member in text(member.key).map { ($0, member.value) } }
  }

  /// The keys that are texts, in the order of the file.
  package var keys: [String] { members.map(\.key) }

  private func member(_ key: String) -> PickleGraph.Reference? {
    members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// The list of whole numbers under `key`; nil if it is no such list.
  package func integers(_ key: String) -> [Int]? {
    guard let items = member(key).flatMap(list) else { return nil }
    let numbers = items.compactMap(graph.integer)
    return numbers.count == items.count ? numbers : nil
  }

  /// The list of texts under `key`; nil if it is no such list.
  package func texts(_ key: String) -> [String]? {
    guard let items = member(key).flatMap(list) else { return nil }
    let texts = items.compactMap(text)
    return texts.count == items.count ? texts : nil
  }

  /// The NumPy array in C order under `key`: shape, element type such as `|u1`, and its bytes, whose number is not
  /// checked against the shape for types other than bytes. Nil if it is none.
  package func array(_ key: String) -> (shape: [Int], type: String, bytes: [UInt8])? {
    guard let reference = member(key),
      case .object(let callable, let arguments, let state, _) = graph[reference],
      let function = graph.global(callable)
    else { return nil }
    let parts: (shape: PickleGraph.Reference, type: PickleGraph.Reference, data: PickleGraph.Reference)
    switch function.split(separator: ".").last {
    case "_reconstruct":
      // The state: version, shape, element type, whether in Fortran order, data.
      guard let state = state.flatMap(graph.tuple), state.count == 5,
        case .bool(false) = graph[state[3]]
      else { return nil }
      parts = (state[1], state[2], state[4])
    case "_frombuffer":
      guard let arguments = graph.tuple(arguments), arguments.count == 4, text(arguments[3]) == "C" else {
        return nil
      }
      parts = (arguments[2], arguments[1], arguments[0])
    default: return nil
    }
    guard let sizes = graph.tuple(parts.shape), let type = elementType(parts.type),
      let data = raw(parts.data)
    else { return nil }
    let shape = sizes.compactMap(graph.integer)
    guard shape.count == sizes.count, shape.allSatisfy({ $0 >= 0 }) else { return nil }
    if type == "|u1" {
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        count = product
      }
      guard count == data.count else { return nil }
    }
    return (shape, type, data)
  }

  /// `numpy.dtype('u1')` as `|u1`.
  private func elementType(_ reference: PickleGraph.Reference) -> String? {
    guard case .object(let callable, let arguments, let state, _) = graph[reference],
      graph.global(callable) == "numpy.dtype", let code = graph.tuple(arguments)?.first.flatMap(text)
    else { return nil }
    let order = state.flatMap(graph.tuple).flatMap { $0.count > 1 ? text($0[1]) : nil }
    return (order ?? "|") + code
  }

  private func list(_ reference: PickleGraph.Reference) -> [PickleGraph.Reference]? {
    if case .list(let items) = graph[reference] { items } else { nil }
  }

  /// A text, also as Python 2 wrote it: as bytes.
  private func text(_ reference: PickleGraph.Reference) -> String? {
    graph.string(reference) ?? raw(reference).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Bytes, also as protocol 2 has them in Python 3: `_codecs.encode(text, "latin1")`.
  private func raw(_ reference: PickleGraph.Reference) -> [UInt8]? {
    switch graph[reference] {
    case .bytes(let range): return Array(bytes[range])
    case .object(let callable, let arguments, _, _):
      guard let arguments = graph.tuple(arguments) else { return nil }
      switch graph.global(callable) {
      case "_codecs.encode":
        guard arguments.count == 2, graph.string(arguments[1]) == "latin1",
          let text = graph.string(arguments[0])
        else { return nil }
        let scalars = text.unicodeScalars.map { UInt8(exactly: $0.value) }
        return scalars.contains(nil) ? nil : scalars.map { $0! }
      case "builtins.bytearray", "__builtin__.bytearray", "__builtin__.bytes":
        return arguments.isEmpty ? [] : arguments.count == 1 ? raw(arguments[0]) : nil
      default: return nil
      }
    default: return nil
    }
  }
}
