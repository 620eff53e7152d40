/// Finds the state dict that is meant among the tensors of a directory of `torch.distributed.checkpoint`.
///
/// Such a directory holds one flat list of names, the keys of nested dictionaries joined by dots. Tensors under the same
/// keys but the last are a candidate, unless the keys are those of an optimizer or another part of the training. Otherwise
/// the rules are those of `StateDictSelection`.
struct DistributedSelection {
  /// A tensor that was selected: its place among those of the directory, and its name within the state dict.
  typealias Member = (index: Int, name: TensorName)

  private struct Candidate {
    /// Levels separated by `/`; empty for the top level.
    var key: String
    var members: [Member]
  }

  let tensors: [DistributedMetadata.Tensor]

  /// - Parameter key: Levels separated by `/` or as in the names by dots; nil to choose.
  /// - Throws: `StateDictError`.
  func select(_ key: String?) throws(StateDictError) -> (choice: StateDictChoice, members: [Member]) {
    if let key {
      let members = try members(under: key)
      return (
        StateDictChoice(key: key, reason: .requested, isAverage: Self.isAverage(key), passedOver: []), members
      )
    }
    let all = candidates()
    let likely = all.filter { candidate in
      candidate.members.lazy.filter { StateDictSelection.isParameterName($0.name) }.prefix(2).count == 2
    }
    let candidates = likely.isEmpty ? all : likely
    guard !candidates.isEmpty else { throw .none(reason: "no state dict\(topKeys)") }
    let averaged = candidates.filter { Self.isAverage($0.key) }
    let isPreferred = averaged.count == 1 && candidates.count > 1
    guard let chosen = isPreferred ? averaged[0] : candidates.count == 1 ? candidates[0] : nil else {
      throw .ambiguous(candidates.map(\.key))
    }
    return (
      StateDictChoice(
        key: chosen.key, reason: isPreferred ? .averaged : .only, isAverage: !averaged.isEmpty,
        passedOver: isPreferred ? candidates.map(\.key).filter { $0 != chosen.key } : []), chosen.members
    )
  }

  /// The tensors with the same keys but the last, in the order of the directory.
  private func candidates() -> [Candidate] {
    var candidates: [Candidate] = []
    var places: [TensorName: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      let levels = tensor.path.dropLast()
      guard let name = tensor.path.last, !levels.contains(where: StateDictSelection.isTrainingState),
        !levels.isEmpty || !Self.belongsToOptimizer(name)
      else { continue }
      let key = levels.joined(separator: "/")
      let place = places[TensorName(key)] ?? candidates.count
      if place == candidates.count {
        places[TensorName(key)] = place
        candidates.append(Candidate(key: key, members: []))
      }
      candidates[place].members.append((index, TensorName(name)))
    }
    return candidates
  }

  /// `optimizer.state.exp_avg.…`, and `chained_0.optimizer.…` of Megatron, whose names are not taken apart by its writer.
  private static func belongsToOptimizer(_ name: String) -> Bool {
    var levels = name.utf8.split(separator: UInt8(ascii: "."), maxSplits: 2)[...]
    if let first = levels.first, first.starts(with: "chained_".utf8) { levels = levels.dropFirst() }
    guard levels.count > 1, let first = levels.first else { return false }
    return ["optimizer", "optim", "optimizers", "lr_scheduler"].contains { first.elementsEqual($0.utf8) }
  }

  private static func isAverage(_ key: String) -> Bool {
    StateDictSelection.words(key).contains { ["ema", "swa", "averaged", "average", "avg"].contains($0) }
  }

  /// The tensors whose names begin with the key and a dot, without both.
  private func members(under key: String) throws(StateDictError) -> [Member] {
    for prefix in [key, key.split(separator: "/").joined(separator: ".")] {
      let prefix = prefix.isEmpty ? [] : Array(prefix.utf8) + [UInt8(ascii: ".")]
      let members: [Member] = tensors.enumerated().compactMap { index, tensor in
        let name = tensor.name.string.utf8
        guard name.starts(with: prefix), name.count > prefix.count else { return nil }
        return (index, TensorName(String(decoding: name.dropFirst(prefix.count), as: UTF8.self)))
      }
      if !members.isEmpty { return members }
    }
    throw .none(reason: "no key \"\(escapedForDiagnostics(key))\"\(topKeys)")
  }

  private var topKeys: String {
    var keys: [String] = []
    for tensor in tensors {
      guard tensor.path.count > 1, let key = tensor.path.first, !keys.contains(key) else { continue }
      keys.append(key)
      if keys.count > 20 { break }
    }
    if keys.isEmpty { return "" }
    let shown = keys.prefix(20).map { escapedForDiagnostics(String($0.prefix(80))) }.joined(separator: ", ")
    return "; there are: \(shown)\(keys.count > 20 ? ", …" : "")"
  }
}
