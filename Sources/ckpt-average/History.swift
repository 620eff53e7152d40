import ArgumentParser
import Averaging
import Checkpoint
import CommandSupport

/// `--digest`.
enum DigestKind: String, ExpressibleByArgument, CaseIterable {
  case crc32, sha256, none

  /// What stands where the digest will be.
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
    /// The state dict that was taken from a file that holds several.
    var key: String?
  }

  let variant: Variant
  let tensors: TensorOptions
  let digest: DigestKind
  var inputs: [Input]

  /// The options that the tensors depend on.
  static func settings(_ variant: Variant, _ tensors: TensorOptions) -> [(String, JSON)] {
    let name = variant.methodName ?? type(of: variant.method).name
    return [("method", .string(name))] + variant.method.settings + tensors.settings
  }

  /// The metadata with the entry of this run.
  func recorded(in metadata: Metadata) -> Metadata {
    var metadata = metadata
    for (key, value) in variant.method.metadata { metadata[key] = value }
    let inputs = inputs.map { input in
      var members: [(String, JSON)] = [("name", .string(input.name)), ("size", JSON(input.size))]
      if let value = input.digest { members.append((digest.rawValue, .string(value))) }
      if let key = input.key, !key.isEmpty { members.append(("key", .string(key))) }
      if let weight = input.weight { members.append(("weight", .number("\(weight)"))) }
      return JSON.object(members)
    }
    Provenance(
      tool: "ckpt-average", options: Self.settings(variant, tensors), inputs: inputs
    ).record(in: &metadata)
    return metadata
  }
}

extension History {
  /// The provenance of an average of the last checkpoints of a series.
  ///
  /// - Parameter digests: Those of all checkpoints; nil leaves them out.
  init(
    _ plan: AveragingPlan, _ variant: Variant, _ tensors: TensorOptions, _ digest: DigestKind,
    digests: [String]?
  ) {
    let weights: [Double]? = if case .linear(let linear) = plan.combination { linear.weights } else { nil }
    let members = plan.series.members
    // What lies before the window has no part in the result.
    let window = members.indices.suffix(variant.window ?? members.count)
    self.init(
      variant: variant, tensors: tensors, digest: digest,
      inputs: window.map { index in
        Input(
          name: members[index].name, size: members[index].byteCount, digest: digests?[index],
          weight: weights?[index], key: members[index].source.stateDictKey)
      })
  }
}
