extension PickleGraph {
  /// Tensors by name, in the order of the file.
  typealias NamedTensors = [(name: TensorName, tensor: Reference)]

  /// The state dict of a pickled `nn.Module`: its parameters and buffers, then those of its parts, as PyTorch orders them.
  ///
  /// Buffers that the module does not keep (`persistent=False`) are left out.
  ///
  /// - Returns: nil for what is no module, and for a module of more parts than any real one has: a graph may contain
  ///   itself.
  func moduleTensors(_ root: Reference) -> NamedTensors? {
    guard attribute("_parameters", of: root) != nil || attribute("_modules", of: root) != nil else {
      return nil
    }
    var found: NamedTensors = []
    var pending: [(prefix: String, module: Reference, depth: Int)] = [("", root, 0)]
    var steps = 0
    while let (prefix, module, depth) = pending.popLast() {
      steps += 1
      guard steps < 1 << 18, depth < 64 else { return nil }
      let transient = attribute("_non_persistent_buffers_set", of: module).flatMap(set) ?? []
      let skipped = Set(transient.compactMap { string($0).map { TensorName($0) } })
      for part in ["_parameters", "_buffers"] {
        for member in attribute(part, of: module).flatMap(members) ?? [] where isTensor(member.value) {
          guard let name = string(member.key), part == "_parameters" || !skipped.contains(TensorName(name))
          else { continue }
          found.append((TensorName(prefix + name), member.value))
        }
      }
      for member in (attribute("_modules", of: module).flatMap(members) ?? []).reversed() {
        guard let name = string(member.key), member.value != Self.noneReference else { continue }
        pending.append(("\(prefix)\(name).", member.value, depth + 1))
      }
    }
    return found.isEmpty ? nil : found
  }
}
