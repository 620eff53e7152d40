import ArgumentParser
import Averaging
import Checkpoint
import Command

/// `--digest`.
enum DigestKind: String, ExpressibleByArgument, CaseIterable {
  case crc32, sha256, none

  /// Text in the place where the digest will be.
  var placeholder: String { String(repeating: "0", count: self == .sha256 ? 64 : 8) }
}

/// The provenance of an average.
struct History {
  /// A checkpoint that is part of it.
  struct Input {
    var name: String
    var size: Int
    var digest: String?
    var weight: Double?
    /// Training step, where the method works on steps.
    var step: Double?
    /// The state dict that was taken, where the file has levels.
    var key: String?
    /// The score of this checkpoint alone, where there was one.
    var score: Double?
  }

  let variant: Variant
  /// Further options that the tensors depend on.
  let settings: [(String, JSON)]
  let digest: DigestKind
  var inputs: [Input]

  /// All options that the tensors depend on.
  static func settings(_ variant: Variant, _ others: [(String, JSON)]) -> [(String, JSON)] {
    let name = variant.choice?.methodName ?? type(of: variant.method).name
    return [("method", .string(name))] + variant.method.settings + others + (variant.choice?.settings ?? [])
  }

  /// The metadata with the entry of this run.
  func recorded(in metadata: Metadata) -> Metadata {
    var metadata = metadata
    for (key, value) in variant.method.metadata { metadata[key] = value }
    let inputs = inputs.map { input in
      var members: [(String, JSON)] = [("name", .string(input.name)), ("size", JSON(input.size))]
      if let value = input.digest { members.append((digest.rawValue, .string(value))) }
      if let weight = input.weight { members.append(("weight", .number("\(weight)"))) }
      if let step = input.step { members.append(("step", JSON(step))) }
      if let key = input.key, !key.isEmpty { members.append(("key", .string(key))) }
      if let score = input.score { members.append(("score", number(score))) }
      return JSON.object(members)
    }
    Provenance(
      tool: "ckpt-average", options: Self.settings(variant, settings), inputs: inputs
    ).record(in: &metadata)
    return metadata
  }
}

extension History {
  /// The provenance of an average of the last checkpoints of a series.
  ///
  /// - Parameter digests: Those of all checkpoints; nil leaves them out.
  init(
    _ plan: AveragingPlan, _ timeline: Timeline, _ variant: Variant, _ settings: [(String, JSON)],
    _ digest: DigestKind, digests: [String]?
  ) {
    let weights = Summary.weights(plan, variant)
    let members = plan.series.members
    // What lies before the window has no part in the result.
    let window = members.indices.suffix(variant.window ?? members.count)
    self.init(
      variant: variant, settings: settings, digest: digest,
      inputs: window.map { index in
        Input(
          name: members[index].name, size: members[index].byteCount, digest: digests?[index],
          weight: weights?[index], step: timeline.steps?[index], key: members[index].source.stateDictKey,
          score: variant.choice?.alone?[index])
      })
  }
}
