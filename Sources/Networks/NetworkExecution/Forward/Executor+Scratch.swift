import NetworkGraphs

extension Executor {
  /// Brings the maps that a step reads, and its own if begun, back to memory.
  func restore(for index: Int) throws(NetworkError) {
    guard let scratch else { return }
    let step = plan.steps[index]
    for node in step.reads + [step.output] where mapInMemory(node) == nil {
      guard let slot = slots[node] else { continue }
      let map = newMap(node)
      put(map, at: node)
      try scratch.read(slot, into: values(of: map))
    }
  }

  /// Moves all maps to the scratch file, if there is one.
  ///
  /// - Parameter changed: The node whose map is not in the file yet, or has changed since.
  func rest(changed: Int) throws(NetworkError) {
    guard let scratch else { return }
    for node in nodesInMemory {
      let map = mapInMemory(node)!
      if node == changed || slots[node] == nil {
        let values = values(of: map)
        let slot = slots[node] ?? scratch.allocate(values.count)
        slots[node] = slot
        try scratch.write(UnsafeBufferPointer(values), to: slot)
      }
      removeFromMemory(node)
    }
  }

  private func values(of map: FeatureMap) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: map.pointer, count: map.images * map.size.count)
  }
}
