/// Finds the state dict that is meant among what a PyTorch file holds.
///
/// Order of preference as in timm (`timm/models/_helpers.py`, `load_state_dict`), then the root itself, then the only
/// candidate there is.
struct StateDictSelection {
  static let preferred = ["state_dict_ema", "model_ema", "state_dict", "model"]
  /// What wrappers put before every key: data parallelism, then compilation.
  static let prefixes = ["module.", "_orig_mod."]

  let graph: PickleGraph
  /// Whether what wrappers put before every key stays.
  var keepsPrefixes = false

  /// Tensors by name, in the order of the file.
  typealias Found = [(name: TensorName, tensor: PickleGraph.Reference)]

  /// - Parameter key: Path of keys separated by `/`, or nil to choose.
  /// - Returns: The tensors and the path where they were.
  /// - Throws: `TorchTensorError` that lists the candidates when none is meant or several are.
  func tensors(from root: PickleGraph.Reference, key: String?) throws -> (key: String, tensors: Found) {
    if let key { return (key, try descend(from: root, along: key)) }
    let candidates = (graph.members(root) ?? []).compactMap { member in
      graph.string(member.key).flatMap { key in
        stateDict(member.value).map { (key: key, tensors: $0) }
      }
    }
    for name in Self.preferred {
      if let candidate = candidates.last(where: { $0.key == name }) { return candidate }
    }
    if let tensors = stateDict(root) { return ("", tensors) }
    if candidates.count == 1 { return candidates[0] }
    guard !candidates.isEmpty else { throw TorchTensorError("no state dict found\(describeKeys(of: root))") }
    throw TorchTensorError(
      "several state dicts; choose one with --key: \(list(candidates.map(\.key)))")
  }

  private func descend(from root: PickleGraph.Reference, along path: String) throws -> Found {
    var reference = root
    var rest = path[...]
    while !rest.isEmpty {
      if let whole = graph.member(String(rest), of: reference) {
        reference = whole
        break
      }
      let key = String(rest.prefix { $0 != "/" })
      guard let next = graph.member(key, of: reference) else {
        throw TorchTensorError("no key \"\(escapedForDiagnostics(key))\"\(describeKeys(of: reference))")
      }
      reference = next
      rest = rest.dropFirst(key.count + 1)
    }
    guard let tensors = stateDict(reference) else {
      throw TorchTensorError(
        "\"\(escapedForDiagnostics(path))\" is no state dict\(describeKeys(of: reference))")
    }
    return tensors
  }

  private func describeKeys(of reference: PickleGraph.Reference) -> String {
    let keys = (graph.members(reference) ?? []).compactMap { graph.string($0.key) }
    return keys.isEmpty ? "" : "; there are: \(list(keys))"
  }

  private func list(_ keys: [String]) -> String {
    let shown = keys.prefix(20).map { escapedForDiagnostics(String($0.prefix(80))) }.joined(separator: ", ")
    return keys.count > 20 ? shown + ", …" : shown
  }

  /// The tensors of a dictionary that holds some directly, or of a pickled module.
  private func stateDict(_ reference: PickleGraph.Reference) -> Found? {
    var found: Found = []
    if let members = graph.members(reference) {
      for member in members where graph.isTensor(member.value) {
        if let name = keyText(member.key) { found.append((TensorName(name), member.value)) }
      }
    } else {
      found = moduleTensors(reference)
    }
    if found.isEmpty { return nil }
    let named = lastOfEachName(found)
    return keepsPrefixes ? named : strippingPrefixes(named)
  }

  private func keyText(_ reference: PickleGraph.Reference) -> String? {
    graph.string(reference) ?? graph.integer(reference).map(String.init)
  }

  /// Assignment under the same key replaces.
  private func lastOfEachName(_ found: Found) -> Found {
    var positions: [TensorName: Int] = [:]
    var result: Found = []
    for entry in found {
      if let position = positions[entry.name] {
        result[position] = entry
      } else {
        positions[entry.name] = result.count
        result.append(entry)
      }
    }
    return result
  }

  private func strippingPrefixes(_ found: Found) -> Found {
    var found = found
    while let prefix = Self.prefixes.first(where: { prefix in
      found.allSatisfy {
        $0.name.string.utf8.starts(with: prefix.utf8) && $0.name.string.utf8.count > prefix.utf8.count
      }
    }) {
      found = found.map { (TensorName(String($0.name.string.dropFirst(prefix.count))), $0.tensor) }
    }
    return found
  }

  /// Walks `_parameters`, `_buffers` and `_modules` of a pickled `nn.Module`.
  private func moduleTensors(_ root: PickleGraph.Reference) -> Found {
    var found: Found = []
    var pending: [(prefix: String, module: PickleGraph.Reference, depth: Int)] = [("", root, 0)]
    // A graph may contain itself; no real module has this many parts.
    var steps = 0
    while let (prefix, module, depth) = pending.popLast(), steps < 1 << 18 {
      steps += 1
      guard depth < 64, case .object(_, _, let state?, _) = graph[module] else { continue }
      for part in ["_parameters", "_buffers"] {
        for member in graph.member(part, of: state).flatMap(graph.members) ?? []
        where graph.isTensor(member.value) {
          if let name = graph.string(member.key) { found.append((TensorName(prefix + name), member.value)) }
        }
      }
      for member in (graph.member("_modules", of: state).flatMap(graph.members) ?? []).reversed() {
        if let name = graph.string(member.key) {
          pending.append(("\(prefix)\(name).", member.value, depth + 1))
        }
      }
    }
    return found
  }
}
