import Averaging
import Checkpoint
import CommandSupport

/// The provenance of an average.
struct History {
  let plan: AveragingPlan
  let variant: Variant
  let tensors: TensorOptions

  /// What stands where the digests will be.
  var placeholders: [String] { plan.series.members.map { _ in "00000000" } }

  /// The metadata with the entry of this run.
  func recorded(in metadata: Metadata, digests: [String]?) -> Metadata {
    var metadata = metadata
    for (key, value) in variant.method.metadata { metadata[key] = value }
    let weights: [Double]? =
      if case .linear(let linear) = plan.combination { linear.weights } else { nil }
    // What lies before the window has no part in the result.
    let window = plan.series.members.indices.suffix(variant.window ?? plan.series.members.count)
    let inputs = window.map { index in
      let member = plan.series.members[index]
      var input: [(String, JSON)] = [
        ("name", .string(member.name)), ("size", .number("\(member.byteCount)")),
      ]
      if let digests { input.append(("crc32", .string(digests[index]))) }
      if let weights { input.append(("weight", .number("\(weights[index])"))) }
      return JSON.object(input)
    }
    let name = variant.methodName ?? type(of: variant.method).name
    let options = [("method", JSON.string(name))] + variant.method.settings + tensors.settings
    Provenance(tool: "ckpt-average", options: options, inputs: inputs).record(in: &metadata)
    return metadata
  }
}
