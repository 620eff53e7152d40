import Platform

/// The trained parameters of a folder of ZeRO, put together from the vectors of the optimizers of all ranks.
struct ZeroPartitions {
  /// A trained parameter, of which the optimizers hold parts.
  typealias Parameter = (name: TensorName, shape: [Int])

  /// A float vector of one rank.
  private struct Partition {
    var count: Int
    var tensor: TorchObjects.Tensor
  }

  /// Some elements of a parameter: where they begin there and in a vector of a rank.
  private struct Piece {
    var start: Int
    var from: Int
    var count: Int
    var partition: Partition
  }

  /// ZeRO's stage, from 1 to 3.
  let stage: Int
  private let label: String
  private let optimizers: [TorchObjects]

  /// Number of ranks.
  var rankCount: Int { optimizers.count }

  /// - Parameters:
  ///   - optimizers: The files `*_optim_states.pt` by rank, at least one.
  ///   - label: Name of the folder in diagnostics.
  /// - Throws: `CheckpointError.malformed` for states of other kinds, `.incompleteFolder` when ranks are missing.
  init(_ optimizers: [TorchObjects], label: String) throws(CheckpointError) {
    self.label = label
    self.optimizers = optimizers
    let first = optimizers[0]
    guard let state = first.member("optimizer_state_dict"), let stage = first.whole(state, "zero_stage")
    else {
      throw .malformed(path: first.label, reason: "no state of ZeRO")
    }
    guard (1...3).contains(stage) else {
      throw .malformed(path: label, reason: "is of ZeRO's stage \(stage), which is not supported")
    }
    self.stage = stage
    let count = optimizers.count
    for optimizer in optimizers {
      guard let state = optimizer.member("optimizer_state_dict"),
        let counts = optimizer.wholes(state, "partition_count"), optimizer.whole(state, "zero_stage") == stage
      else { throw .malformed(path: optimizer.label, reason: "no state of ZeRO's stage \(stage)") }
      guard Set(counts).count == 1 else {
        throw .malformed(
          path: optimizer.label, reason: "its groups have different numbers of partitions, as with experts")
      }
      guard counts[0] == count else {
        throw .incompleteFolder(path: label, reason: "has \(count) of \(counts[0]) files *_optim_states.pt")
      }
    }
  }

  /// The parameters, in the order of their groups.
  ///
  /// - Parameter groups: Names and shapes of the parameters, group by group.
  /// - Throws: `CheckpointError.malformed` where they do not fit the vectors.
  func tensors(_ groups: [[Parameter]]) throws -> [AssembledCheckpoint.Tensor] {
    try stage == 3 ? thirdStage(groups) : secondStage(groups)
  }

  private func fail(_ name: TensorName, _ reason: String) -> CheckpointError {
    .malformed(path: label, reason: "tensor \"\(name)\" \(reason)")
  }

  /// The vectors of the partitions, by rank and group, all of one element type.
  private func partitions(_ key: String) throws -> [[Partition]] {
    var dtype: DType?
    return try optimizers.map { optimizer in
      let state = optimizer.member("optimizer_state_dict")!
      guard let list = optimizer.graph.member(key, of: state), case .list(let items) = optimizer.graph[list]
      else {
        throw CheckpointError.malformed(path: optimizer.label, reason: "lacks \(key)")
      }
      return try items.enumerated().map { number, item in
        let tensor = try optimizer.tensor(item, name: "\(key)[\(number)]")
        guard tensor.shape.count == 1, tensor.dtype == dtype ?? tensor.dtype, tensor.dtype.isFloatingPoint
        else {
          throw CheckpointError.malformed(
            path: optimizer.label,
            reason:
              "\(key)[\(number)]: expected a vector of one element type, found \(tensor.dtype) \(tensor.shape)"
          )
        }
        dtype = tensor.dtype
        return Partition(count: tensor.elementCount, tensor: tensor)
      }
    }
  }

  private func tensor(
    _ name: TensorName, _ shape: [Int], _ pieces: [Piece]
  ) throws -> AssembledCheckpoint.Tensor {
    let dtype = pieces.first?.partition.tensor.dtype ?? .f32
    let width = dtype.bitWidth / 8
    let chunks = pieces.map { piece in
      let (reader, skipped) = (piece.partition.tensor.reader, piece.from * width)
      return TensorChunk(
        offsets: [piece.start], sizes: [piece.count], reader: { try reader(skipped + $0, $1) })
    }
    do {
      // The parameter is laid out as a vector, whatever its shape.
      return AssembledCheckpoint.Tensor(
        spec: TensorSpec(name: name, dtype: dtype, shape: shape),
        chunks: try TensorChunks(chunks, shape: [shape.reduce(1, *)], width: width), place: nil,
        isCovered: pieces.allSatisfy(\.partition.tensor.isCovered))
    } catch {
      throw fail(name, "\(error)")
    }
  }

  /// Stages 1 and 2: a group's partitions in a row are its parameters in a row.
  private func secondStage(_ groups: [[Parameter]]) throws -> [AssembledCheckpoint.Tensor] {
    let partitions = try partitions("single_partition_of_fp32_groups")
    guard partitions.allSatisfy({ $0.count == groups.count }) else {
      throw CheckpointError.malformed(
        path: label,
        reason: "has other numbers of groups in its ranks than the \(groups.count) of param_shapes")
    }
    var tensors: [AssembledCheckpoint.Tensor] = []
    for (number, group) in groups.enumerated() {
      var rows: [(range: Range<Int>, partition: Partition)] = []
      var available = 0
      for rank in partitions {
        guard let end = available.adding(exactly: rank[number].count) else {
          throw CheckpointError.malformed(path: label, reason: "group \(number) has an impossible size")
        }
        rows.append((available..<end, rank[number]))
        available = end
      }
      var offset = 0
      var row = 0
      for (name, shape) in group {
        guard let end = offset.adding(exactly: shape.reduce(1, *)), end <= available else {
          throw fail(name, "reaches beyond the \(available) elements of group \(number)")
        }
        var pieces: [Piece] = []
        while row < rows.count, rows[row].range.upperBound <= offset { row += 1 }
        for candidate in rows[row...].prefix(while: { $0.range.lowerBound < end }) {
          let part = candidate.range.clamped(to: offset..<end)
          if part.isEmpty { continue }
          pieces.append(
            Piece(
              start: part.lowerBound - offset, from: part.lowerBound - candidate.range.lowerBound,
              count: part.count, partition: candidate.partition))
        }
        tensors.append(try tensor(name, shape, pieces))
        offset = end
      }
      // Groups are padded to a multiple of two elements per rank, and parts of the padding are taken off again.
      let unit = 2 * partitions.count
      guard (offset + unit - 1) / unit == (available + unit - 1) / unit else {
        throw CheckpointError.malformed(
          path: label,
          reason: "group \(number): the parameters have \(offset) elements, the partitions \(available)")
      }
    }
    return tensors
  }

  /// Stage 3: a share of every parameter in every rank.
  private func thirdStage(_ groups: [[Parameter]]) throws -> [AssembledCheckpoint.Tensor] {
    let partitions = try partitions("fp32_flat_groups")
    let sizes = partitions[0].map(\.count)
    guard partitions.allSatisfy({ $0.map(\.count) == sizes }), sizes.checkedSum != nil else {
      throw CheckpointError.malformed(path: label, reason: "its ranks have groups of different sizes")
    }
    // First element of every group of a rank, and the end of the last.
    let starts = sizes.reduce(into: [0]) { $0.append($0.last! + $1) }
    let ranks = partitions.count
    var tensors: [AssembledCheckpoint.Tensor] = []
    var offset = 0
    var group = 0
    for (name, shape) in groups.joined() {
      let count = shape.reduce(1, *)
      let share = count / ranks + (count % ranks == 0 ? 0 : 1)
      guard let end = offset.adding(exactly: share), end <= starts.last! else {
        throw fail(name, "reaches beyond the \(starts.last!) elements of a rank")
      }
      while group + 1 < starts.count, starts[group + 1] <= offset { group += 1 }
      var pieces: [Piece] = []
      for rank in 0..<ranks {
        // The last ranks may have padding only.
        let range = min(rank * share, count)..<min((rank + 1) * share, count)
        var at = group
        var position = range.lowerBound
        while position < range.upperBound {
          let inRank = offset + position - rank * share
          while starts[at + 1] <= inRank { at += 1 }
          let length = min(range.upperBound - position, starts[at + 1] - inRank)
          pieces.append(
            Piece(start: position, from: inRank - starts[at], count: length, partition: partitions[rank][at]))
          position += length
        }
      }
      tensors.append(try tensor(name, shape, pieces))
      offset = end
    }
    guard offset == starts.last! else {
      throw CheckpointError.malformed(
        path: label,
        reason: "the parameters have \(offset) elements in every rank, its groups \(starts.last!)")
    }
    return tensors
  }
}

extension TorchObjects {
  /// A member of the dictionary at the top.
  func member(_ key: String) -> PickleGraph.Reference? { graph.member(key, of: root) }

  /// A whole number, or a member of an enumeration of such.
  func whole(_ dictionary: PickleGraph.Reference, _ key: String) -> Int? {
    guard let value = graph.member(key, of: dictionary) else { return nil }
    if let number = graph.integer(value) { return number }
    guard case .object(_, let arguments, _, _) = graph[value], let items = graph.tuple(arguments),
      items.count == 1
    else { return nil }
    return graph.integer(items[0])
  }

  /// A whole number as a list of one, or a list of whole numbers; nil for an empty one.
  func wholes(_ dictionary: PickleGraph.Reference, _ key: String) -> [Int]? {
    if let number = whole(dictionary, key) { return [number] }
    guard let value = graph.member(key, of: dictionary), case .list(let items) = graph[value] else {
      return nil
    }
    let numbers = items.compactMap(graph.integer)
    return numbers.count == items.count && !numbers.isEmpty ? numbers : nil
  }
}
