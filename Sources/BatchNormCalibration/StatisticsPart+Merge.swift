extension StatisticsPart {
  /// All batches of all parts in the order of the data.
  ///
  /// - Parameter parts: each with the name to use in messages.
  /// - Throws: `PartError` for a missing, duplicate or foreign part.
  public static func merge(_ parts: [(label: String, part: StatisticsPart)]) throws -> [BatchMoments] {
    guard let first = parts.first else { return [] }
    var holders = [String?](repeating: nil, count: first.part.shard.count)
    for (label, part) in parts {
      guard part.shard.count == first.part.shard.count else {
        throw PartError.foreign(
          label, first.label, "\(first.part.shard.count) shards", "\(part.shard.count) shards")
      }
      if let difference = part.recipe.difference(from: first.part.recipe) {
        throw PartError.foreign(label, first.label, difference.expected, difference.found)
      }
      if let earlier = holders[part.shard.index] {
        throw PartError.duplicate(label, earlier, part.shard.description)
      }
      holders[part.shard.index] = label
      guard part.batches.map(\.batch) == part.shard.items(of: part.recipe.batchCount) else {
        throw PartError.incomplete(label)
      }
    }
    let missing = holders.indices.filter { holders[$0] == nil }
    guard missing.isEmpty else {
      throw PartError.missing(missing.map { "\($0)/\(holders.count)" })
    }
    return parts.flatMap(\.part.batches).sorted { $0.batch < $1.batch }
  }
}

extension StatisticsPart.Recipe {
  /// The first point in which two recipes differ, in words.
  func difference(from expected: Self) -> (expected: String, found: String)? {
    if model != expected.model { return ("checkpoint \(expected.model)", "checkpoint \(model)") }
    if batchCount != expected.batchCount {
      return ("\(expected.batchCount) batches in all", "\(batchCount) batches in all")
    }
    if options != expected.options { return (expected.options.encoded(), options.encoded()) }
    if recorded != expected.recorded { return ("\(expected.recorded)", "\(recorded)") }
    return nil
  }
}

/// Why parts do not make one result.
public enum PartError: Error, Equatable, CustomStringConvertible {
  /// There is no part for these shards.
  case missing([String])
  /// The part at `path` is of a shard that an earlier part is of.
  case duplicate(_ path: String, _ earlier: String, _ shard: String)
  /// The part at `path` is of another calculation than the part `reference`.
  case foreign(_ path: String, _ reference: String, _ expected: String, _ found: String)
  /// The part at `path` does not hold all batches of its shard.
  case incomplete(_ path: String)
  /// The file at `path` is not a part, or does not fit the layers.
  case malformed(_ path: String, _ problem: String)

  /// One line that names the file.
  public var description: String {
    switch self {
    case .missing(let shards):
      "parts missing for shard \(shards.joined(separator: ", ")); --merge takes those of all shards"
    case .duplicate(let path, let earlier, let shard): "\(path): shard \(shard) again, already in \(earlier)"
    case .foreign(let path, let reference, let expected, let found):
      "\(path): not of the same calculation as \(reference): expected \(expected), found \(found)"
    case .incomplete(let path): "\(path): does not hold the batches of its shard; run that shard again"
    case .malformed(let path, let problem): "\(path): not a statistics part: \(problem)"
    }
  }
}
