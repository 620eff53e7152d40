import Checkpoint

/// Finds duplicate checkpoints, also as copies or in another format: their tensors are equal in every byte.
///
/// A sample of their largest tensors distinguishes most pairs; only pairs that agree there are compared in
/// full.
public struct DuplicateCheck {
  private var groups: [[UInt32]: [(place: Int, member: SeriesMember)]] = [:]

  /// A check that has seen nothing yet.
  public init() {}

  /// The index of an equal checkpoint among those seen before; adds this one when there is none.
  ///
  /// A stream that has not been read is never a duplicate.
  ///
  /// - Parameters:
  ///   - source: A checkpoint.
  ///   - place: Index of this checkpoint.
  /// - Throws: Errors of reading.
  public mutating func earlier(equalTo source: any CheckpointSource, place: Int) throws -> Int? {
    // Tensors that are not averaged distinguish models, too.
    let member = SeriesMember(source)
    guard member.liveStream == nil else { return nil }
    let sampled = member.tensors.filter { $0.byteCount > 0 }.sorted {
      ($1.byteCount, $0.name) < ($0.byteCount, $1.name)
    }.prefix(8)
    let key = try sampled.map { try Self.checksum(member, $0, limit: 4096) }
    for other in groups[key, default: []] where try Self.isSame(other.member, member) { return other.place }
    groups[key, default: []].append((place, member))
    return nil
  }

  private static func checksum(_ member: SeriesMember, _ tensor: TensorSpec, limit: Int) throws -> UInt32 {
    var bytes = [UInt8](repeating: 0, count: min(limit, tensor.byteCount))
    // The end: the beginning of embeddings and masks is often equal in different models.
    try bytes.withUnsafeMutableBytes {
      try member.read(tensor.name, at: tensor.byteCount - $0.count, into: $0)
    }
    return bytes.withUnsafeBytes { crc32($0) }
  }

  private static func isSame(_ a: SeriesMember, _ b: SeriesMember) throws -> Bool {
    guard Set(a.tensors) == Set(b.tensors) else { return false }
    var x = [UInt8](repeating: 0, count: 1 << 18)
    var y = x
    for tensor in a.tensors {
      for start in stride(from: 0, to: tensor.byteCount, by: x.count) {
        let count = min(x.count, tensor.byteCount - start)
        try x.withUnsafeMutableBytes {
          try a.read(tensor.name, at: start, into: .init(rebasing: $0[..<count]))
        }
        try y.withUnsafeMutableBytes {
          try b.read(tensor.name, at: start, into: .init(rebasing: $0[..<count]))
        }
        if x[..<count] != y[..<count] { return false }
      }
    }
    return true
  }
}

extension Series {
  /// Refuses duplicate checkpoints; streams that have not been read are skipped.
  ///
  /// - Throws: `AveragingError.duplicate`, errors of reading.
  public func refuseDuplicates() throws {
    var check = DuplicateCheck()
    for (index, member) in members.enumerated() {
      if let earlier = try check.earlier(equalTo: member.source, place: index) {
        throw AveragingError.duplicate(file: member.label, of: members[earlier].label)
      }
    }
  }

  /// Refuses duplicate files, by the digests of their bytes.
  ///
  /// - Throws: `AveragingError.duplicate`.
  public func refuseDuplicates(digests: [String]) throws {
    var seen: [String: Int] = [:]
    for (index, member) in members.enumerated() {
      if let earlier = seen.updateValue(index, forKey: "\(digests[index]) \(member.byteCount)") {
        throw AveragingError.duplicate(file: member.label, of: members[earlier].label)
      }
    }
  }

  /// Copies all streams to temporary files, so that they can be read more than once.
  public func spoolStreams() throws {
    for member in members { try member.liveStream?.spool() }
  }
}
