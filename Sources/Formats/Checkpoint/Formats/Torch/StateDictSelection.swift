/// Why no state dict can be taken from a file.
enum StateDictError: Error {
  /// There is none.
  case none(reason: String)
  /// Several are equally good; by their keys.
  case ambiguous([String])
}

/// Finds the state dict that is meant among what a PyTorch file holds.
///
/// A dictionary of two or more tensors under names of parameters is a candidate, and so is a pickled module.
/// Candidates beat single tensors at the same level, such as a loss. Of raw and averaged weights of one run
/// the averaged ones are taken. Several candidates of equal standing are an error.
struct StateDictSelection {
  typealias Found = PickleGraph.NamedTensors

  struct Candidate {
    /// Levels separated by `/`; empty for the root.
    var key: String
    var tensors: Found
    /// The dictionary, whose attributes may hold metadata.
    var reference: PickleGraph.Reference
  }

  let graph: PickleGraph
  let root: PickleGraph.Reference
  private let budget: PickleWorkBudget

  init(graph: PickleGraph, root: PickleGraph.Reference) {
    self.graph = graph
    self.root = root
    budget = PickleWorkBudget(graph)
  }

  /// - Parameter key: Path of keys separated by `/`, or nil to choose.
  /// - Throws: `StateDictError` that lists the candidates when none is meant or several are, `TorchTensorError`.
  func select(_ key: String?) throws -> (choice: StateDictChoice, candidate: Candidate) {
    if let key {
      let candidate = try descend(along: key)
      let isAverage = isAverage(key, among: [])
      return (
        StateDictChoice(key: key, reason: .requested, isAverage: isAverage, passedOver: []), candidate
      )
    }
    let candidates = try self.candidates()
    guard !candidates.isEmpty else { throw StateDictError.none(reason: "no state dict\(keys(of: root))") }
    let averaged = candidates.filter { isAverage($0.key, among: candidates) }
    let isPreferred = averaged.count == 1 && candidates.count > 1
    guard let chosen = isPreferred ? averaged[0] : candidates.count == 1 ? candidates[0] : nil else {
      throw StateDictError.ambiguous(candidates.map(\.key))
    }
    if let sets = momentumSets(chosen.tensors) {
      let prefix = chosen.key.isEmpty ? "" : chosen.key + "/"
      throw StateDictError.ambiguous(sets.map { prefix + $0.key })
    }
    return (
      StateDictChoice(
        key: chosen.key, reason: isPreferred ? .averaged : .only, isAverage: !averaged.isEmpty,
        passedOver: isPreferred ? candidates.map(\.key).filter { $0 != chosen.key } : []), chosen
    )
  }

  // MARK: Candidates

  /// The state dicts that are likely to be meant, in the order of the file.
  private func candidates() throws -> [Candidate] {
    let own = try stateDict(root).map { Candidate(key: "", tensors: $0, reference: root) }
    let nested = try nested(in: root, "")
    var likely = nested.filter(isLikely)
    if let own, isLikely(own) { likely.insert(own, at: 0) }
    if !likely.isEmpty { return likely }
    let deeper = try (graph.members(root) ?? []).flatMap { member in
      try graph.string(member.key).map { try self.nested(in: member.value, $0 + "/") } ?? []
    }.filter(isLikely)
    if !deeper.isEmpty { return deeper }
    // Files of one tensor, or of names that no module has.
    let known = nested.filter { Self.isKnown($0.key) }
    return known.isEmpty ? own.map { [$0] } ?? nested : known
  }

  private func nested(in reference: PickleGraph.Reference, _ prefix: String) throws -> [Candidate] {
    let members = graph.members(reference) ?? []
    try budget.spend(members.count)
    var last: [TensorName: PickleGraph.Reference] = [:]
    for member in members {
      guard let key = graph.string(member.key) else { continue }
      // A key is hashed wherever it is mentioned.
      try budget.spend(key.utf8.count)
      last[TensorName(key)] = member.value
    }
    return try members.compactMap { member in
      guard let key = graph.string(member.key), !Self.isTrainingState(key),
        last[TensorName(key)] == member.value, let tensors = try stateDict(member.value)
      else { return nil }
      try budget.spend(prefix.utf8.count + key.utf8.count)
      return Candidate(key: prefix + key, tensors: tensors, reference: member.value)
    }
  }

  /// Two or more tensors under names of parameters.
  private func isLikely(_ candidate: Candidate) -> Bool {
    candidate.tensors.lazy.filter { Self.isParameterName($0.name) }.prefix(2).count == 2
  }

  /// `conv1.weight`, and names of the parameters of a single layer; not `loss` or `best_acc1`.
  static func isParameterName(_ name: TensorName) -> Bool {
    let text = name.string.utf8
    if let dot = text.lastIndex(of: UInt8(ascii: ".")) {
      return dot != text.startIndex && text.index(after: dot) != text.endIndex
    }
    return ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].contains {
      text.elementsEqual($0.utf8)
    }
  }

  /// True for keys that belong to the training and never are the model.
  static func isTrainingState(_ key: String) -> Bool {
    let words = words(key)
    let state: Set<String> = [
      "optimizer", "optimizers", "optim", "scheduler", "schedulers", "sched", "scaler", "amp", "rng",
      "criterion",
      "callbacks", "averaging", "sampler", "meters", "metrics",
    ]
    return words.contains { state.contains($0) }
  }

  static func isKnown(_ key: String) -> Bool {
    let known: Set<String> = [
      "model", "state", "net", "network", "module", "weights", "params", "ema", "student", "teacher",
    ]
    return words(key).contains { known.contains($0) }
  }

  static func words(_ key: String) -> [String] {
    key.utf8.split { !(0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0) }
      .map { String(decoding: $0, as: UTF8.self).lowercased() }
  }

  // MARK: Raw and averaged

  /// True if the state dict at this key holds averaged weights, by the habits of the program that wrote the
  /// file.
  private func isAverage(_ path: String, among candidates: [Candidate]) -> Bool {
    let levels = path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
    guard let key = levels.first, let last = levels.last else { return false }
    if levels.count == 1, isLightningAverage || isMMEngineAverage {
      // MMEngine's EMAHook and Lightning's WeightAveraging write the averaged weights as `state_dict`.
      return TensorName(key) == "state_dict"
    }
    let words = levels.flatMap(Self.words)
    if words.contains(where: { ["ema", "swa", "averaged", "average", "avg"].contains($0) }) { return true }
    // DINO and mean teachers; a teacher of another architecture is another network.
    guard last == "teacher",
      let teacher = candidates.first(where: { TensorName($0.key) == TensorName(path) }),
      let student = candidates.first(where: {
        $0.key.utf8.elementsEqual(Array(path.utf8.dropLast(7)) + Array("student".utf8))
      })
    else { return false }
    return bareNames(teacher) == bareNames(student)
  }

  private func bareNames(_ candidate: Candidate) -> Set<TensorName> {
    let specs = candidate.tensors.map { TensorSpec(name: $0.name, dtype: .f32, shape: []) }
    return Set(UnwrappedNames(specs).names.compactMap { $0 })
  }

  /// `current_model_state` holds the raw weights.
  private var isLightningAverage: Bool {
    graph.member("current_model_state", of: root) != nil && graph.member("state_dict", of: root) != nil
  }

  /// True if `ema_state_dict` holds the raw weights, which only the file's writer shows.
  private var isMMEngineAverage: Bool {
    guard let swapped = graph.member("ema_state_dict", of: root) else { return false }
    if let meta = graph.member("meta", of: root), graph.member("mmengine_version", of: meta) != nil {
      return true
    }
    guard graph.member("steps", of: swapped) != nil, let members = graph.members(swapped) else {
      return false
    }
    return members.contains { graph.string($0.key)?.utf8.starts(with: "module.".utf8) ?? false }
  }

  /// The two sets of weights in a state dict of mmcv's EMAHook, `plain` and `ema`: every parameter has a copy among the
  /// buffers, named `ema_` and with underscores for dots.
  private func momentumSets(_ tensors: Found) -> [(key: String, tensors: Found)]? {
    let prefix = Array("ema_".utf8)
    func isCopy(_ name: TensorName) -> Bool { name.string.utf8.starts(with: prefix) }
    let copies = tensors.filter { isCopy($0.name) }
    guard copies.count > 1 else { return nil }
    let byName = Dictionary(copies.map { ($0.name, $0.tensor) }, uniquingKeysWith: { $1 })
    let plain = tensors.filter { !isCopy($0.name) }
    var used = 0
    let averaged = plain.map { entry in
      let copy = prefix + entry.name.string.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
      guard let tensor = byName[TensorName(String(decoding: copy, as: UTF8.self))] else { return entry }
      used += 1
      return (name: entry.name, tensor: tensor)
    }
    return used == byName.count ? [("plain", plain), ("ema", averaged)] : nil
  }

  // MARK: Keys and dictionaries

  private func descend(along path: String) throws -> Candidate {
    var reference = root
    // Levels by bytes: a combining accent after a slash would make one character of the two.
    var rest = path.utf8[...]
    while !rest.isEmpty {
      if let whole = graph.member(String(Substring(rest)), of: reference) {
        reference = whole
        break
      }
      let key = String(Substring(rest.prefix { $0 != UInt8(ascii: "/") }))
      guard let next = graph.member(key, of: reference) else {
        if let tensors = try stateDict(reference),
          let part = momentumSets(tensors)?.first(where: { $0.key.utf8.elementsEqual(rest) })
        {
          return Candidate(key: path, tensors: part.tensors, reference: reference)
        }
        throw StateDictError.none(reason: "no key \"\(escapedForDiagnostics(key))\"\(keys(of: reference))")
      }
      reference = next
      rest = rest.dropFirst(key.utf8.count + 1)
    }
    guard let tensors = try stateDict(reference) else {
      throw StateDictError.none(
        reason: "\"\(escapedForDiagnostics(path))\" is no state dict\(keys(of: reference))")
    }
    return Candidate(key: path, tensors: tensors, reference: reference)
  }

  private func keys(of reference: PickleGraph.Reference) -> String {
    let keys = (graph.members(reference) ?? []).compactMap { graph.string($0.key) }
    if keys.isEmpty { return "" }
    let shown = keys.prefix(20).map { escapedForDiagnostics(String($0.prefix(80))) }.joined(separator: ", ")
    return "; there are: \(shown)\(keys.count > 20 ? ", …" : "")"
  }

  /// The tensors of a dictionary that holds some directly, or of a pickled module; nil where there are none.
  private func stateDict(_ reference: PickleGraph.Reference) throws -> Found? {
    guard let members = graph.members(reference) else { return try graph.moduleTensors(reference, budget) }
    try budget.spend(members.count)
    // Assignment under the same key replaces; a number and a text are different keys, which the file's reader refuses.
    var positions: [TensorName: Int] = [:]
    var numbers: [Int: Int] = [:]
    var found: Found = []
    for member in members {
      let position: Int?
      let name: TensorName
      if let text = graph.string(member.key) {
        try budget.spend(text.utf8.count)
        name = TensorName(text)
        position = positions[name]
        if graph.isTensor(member.value) { positions[name] = position ?? found.count }
      } else if let number = graph.integer(member.key) {
        name = TensorName("\(number)")
        position = numbers[number]
        if graph.isTensor(member.value) { numbers[number] = position ?? found.count }
      } else {
        continue
      }
      guard graph.isTensor(member.value) else { continue }
      if let position {
        found[position] = (name, member.value)
      } else {
        found.append((name, member.value))
      }
    }
    return found.isEmpty ? nil : found
  }
}

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
