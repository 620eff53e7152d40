import NetworkGraphs

/// A channel range of a concatenation's map, in which one of its inputs is computed in place instead of being
/// copied.
struct Place: Sendable, Equatable {
  /// The concatenation, which itself lies in no other.
  let owner: Int
  let channel: Int
}

extension Place {
  /// The places of all nodes computed within another map.
  static func all(_ steps: [Step], _ graph: Graph, readers: [[Int]]) -> [Int: Place] {
    var producers: [Int: Step] = [:]
    for step in steps { producers[step.output] = step }
    /// Kernels take the residual in the layout of the output, and fully connected layers read a map as one
    /// row.
    func mayMove(_ node: Int) -> Bool {
      guard node != graph.output, let producer = producers[node], producer.epilogue.residual == nil else {
        return false
      }
      return readers[node].allSatisfy { index in
        if case .linear = steps[index].operation { return false }
        return steps[index].epilogue.residual != node
      }
    }
    var places: [Int: Place] = [:]
    // From the last on, so that nested concatenations (DenseNet's) all lie in the outermost.
    for step in steps.reversed() {
      guard case .concatenate = step.operation else { continue }
      let whole = places[step.output] ?? Place(owner: step.output, channel: 0)
      var channel = whole.channel
      for input in step.inputs {
        if mayMove(input) && places[input] == nil {
          places[input] = Place(owner: whole.owner, channel: channel)
        }
        channel += graph.nodes[input].channels
      }
    }
    return places
  }
}
