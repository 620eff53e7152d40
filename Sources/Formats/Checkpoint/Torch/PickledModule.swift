extension PickleGraph {
  /// Tensors by name, in the order of the file.
  typealias NamedTensors = [(name: TensorName, tensor: Reference)]

  /// The state dict of a pickled `nn.Module`: its parameters and buffers, then those of its parts, as PyTorch orders them.
  ///
  /// Buffers that the module does not keep (`persistent=False`) are left out.
  ///
  /// - Returns: nil for what is no module, and for a module that is deeper than any real one: a graph may contain itself.
  /// - Throws: `StateDictError` when `budget` is used up.
  func moduleTensors(_ root: Reference, _ budget: PickleWorkBudget) throws -> NamedTensors? {
    guard attribute("_parameters", of: root) != nil || attribute("_modules", of: root) != nil else {
      return nil
    }
    var found: NamedTensors = []
    var pending: [(prefix: String, module: Reference, depth: Int)] = [("", root, 0)]
    while let (prefix, module, depth) = pending.popLast() {
      guard depth < 64 else { return nil }
      try budget.spend(16 + (attributeCount(of: module)))
      let transient = attribute("_non_persistent_buffers_set", of: module).flatMap(set) ?? []
      try budget.spend(transient.count)
      let skipped = Set(transient.compactMap { string($0).map { TensorName($0) } })
      for part in ["_parameters", "_buffers"] {
        for member in attribute(part, of: module).flatMap(members) ?? [] {
          try budget.spend(1)
          guard isTensor(member.value) else { continue }
          guard let name = string(member.key), part == "_parameters" || !skipped.contains(TensorName(name))
          else { continue }
          try budget.spend(prefix.utf8.count + name.utf8.count)
          found.append((TensorName(prefix + name), member.value))
        }
      }
      for member in (attribute("_modules", of: module).flatMap(members) ?? []).reversed() {
        try budget.spend(1)
        guard let name = string(member.key), member.value != Self.noneReference else { continue }
        try budget.spend(prefix.utf8.count + name.utf8.count)
        pending.append(("\(prefix)\(name).", member.value, depth + 1))
      }
    }
    return found.isEmpty ? nil : found
  }

  /// Members among which an attribute is looked for.
  private func attributeCount(of reference: Reference) -> Int {
    if let state = attributes[reference] { return members(state)?.count ?? 0 }
    guard case .object(_, _, let state?, _) = nodes[reference] else { return 0 }
    return members(state)?.count ?? 0
  }
}
