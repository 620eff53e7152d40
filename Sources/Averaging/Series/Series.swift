import Checkpoint

/// The checkpoints to average, in order, known to agree in names, element types and shapes.
public struct Series: Sendable {
  /// The checkpoints in order.
  public let members: [SeriesMember]
  /// What all of them hold, as the last one stores it.
  public let tensors: [TensorSpec]

  /// - Throws: `AveragingError.emptySeries`, or what keeps the files from being averaged: a missing, additional or
  ///   different tensor, with the file that differs from the first one.
  public init(_ sources: [any CheckpointSource]) throws {
    guard let first = sources.first.map(SeriesMember.init) else { throw AveragingError.emptySeries }
    members = [first] + sources.dropFirst().map(SeriesMember.init)
    for member in members.dropFirst() { try Self.check(member, against: first) }
    tensors = members[members.count - 1].tensors
  }

  private static func check(_ member: SeriesMember, against first: SeriesMember) throws {
    for expected in first.tensors {
      guard let found = member.spec(expected.name) else {
        throw AveragingError.missingTensor(
          file: member.label, expected.name, reference: first.label)
      }
      guard found == expected else {
        throw AveragingError.mismatch(
          file: member.label, expected.name, expected: expected.layout, found: found.layout)
      }
    }
    if let extra = member.tensors.first(where: { first.spec($0.name) == nil }) {
      throw AveragingError.extraTensor(file: member.label, extra.name, reference: first.label)
    }
  }
}
