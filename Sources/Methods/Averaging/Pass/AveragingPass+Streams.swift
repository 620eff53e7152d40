import Checkpoint

extension AveragingPass {
  /// Copies the streams among the checkpoints to temporary files unless they can be read in lockstep: each of
  /// them must have its tensors in the order in which the output needs them.
  ///
  /// - Parameter order: The tensors of the outputs in the order in which they are written.
  /// - Returns: Names of the streams that were copied.
  @discardableResult
  public func spoolUnlessInLockstep(_ order: [TensorSpec]) throws -> [String] {
    let members = plans[0].series.members
    guard members.contains(where: { $0.liveStream != nil }), try !advancesInLockstep(order) else { return [] }
    return try members.compactMap { member in
      guard let stream = member.liveStream else { return nil }
      try stream.spool()
      return stream.label
    }
  }

  private func advancesInLockstep(_ order: [TensorSpec]) throws -> Bool {
    let ordered = try plans.map { try Self.arrange($0, order) }
    var positions = [Int](repeating: 0, count: plans[0].series.members.count)
    for index in ordered[0].entries.indices {
      let entry = ordered[0].entries[index]
      // Scales of quantized tensors are computed from data that come later.
      if entry.quantization != nil { return false }
      for input in Set(ordered.flatMap { $0.contributors(to: $0.entries[index]) }) {
        let member = plans[0].series.members[input]
        guard let stream = member.liveStream, entry.input.byteCount > 0 else { continue }
        let offset = stream.offset(of: entry.input.name)!
        if offset < positions[input] { return false }
        positions[input] = offset + entry.input.byteCount
      }
    }
    return true
  }
}
