import Averaging

/// One of the averages that a run makes or tries.
struct Variant {
  let method: any AveragingMethod
  /// The method's name in the provenance, where it is not that of `method`.
  var methodName: String?
  /// Number of last checkpoints that are averaged; nil for all.
  var window: Int?
  /// What stands for `{decay}` and `{last}` in the name of the output.
  var names: [String: String] = [:]

  /// The output's name with this variant's values in it.
  func expand(_ template: String) -> String { Self.expand(template, names) }

  /// `template` with values for names in braces.
  static func expand(_ template: String, _ names: [String: String]) -> String {
    names.reduce(template) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
  }
}

extension String {
  fileprivate func replacingOccurrences(of pattern: String, with text: String) -> String {
    split(separator: pattern, omittingEmptySubsequences: false).joined(separator: text)
  }
}
