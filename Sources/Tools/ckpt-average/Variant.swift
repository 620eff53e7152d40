import Averaging
import Checkpoint

/// One of the averages that a run makes or tries.
struct Variant {
  let method: any AveragingMethod
  /// Choice by scores that has led to this average; nil where there was nothing to choose.
  var choice: Choice?
  /// Number of last checkpoints that are averaged; nil for all.
  var window: Int?
  /// Values of `{decay}` and `{last}` in the name of the output.
  var names: [String: String] = [:]

  /// Choice by scores that has led to an average, for the provenance.
  struct Choice {
    /// The method's name, where it is not that of the average.
    var methodName: String?
    var mode: GreedySoup.Mode
    /// The score of this average.
    var score: Double
    /// All candidates of a search.
    var candidates: [(names: [String: String], score: Double)] = []
    /// The score of every checkpoint alone.
    var alone: [Double]?

    var settings: [(String, JSON)] {
      var settings: [(String, JSON)] = [("mode", .string(mode.rawValue)), ("score", number(score))]
      if !candidates.isEmpty {
        let list = candidates.map { candidate in
          JSON.object(
            candidate.names.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }
              + [("score", number(candidate.score))])
        }
        settings.append(("search", .array(list)))
      }
      return settings
    }
  }

  /// The output's name with this variant's values in it.
  func expand(_ template: String) -> String { Self.expand(template, names) }

  /// `template` with values for names in braces.
  static func expand(_ template: String, _ names: [String: String]) -> String {
    names.sorted { $0.key < $1.key }.reduce(template) {
      $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value)
    }
  }
}

/// A score; JSON has no number that is not finite.
func number(_ value: Double) -> JSON { value.isFinite ? JSON(value) : .null }

extension String {
  fileprivate func replacingOccurrences(of pattern: String, with text: String) -> String {
    split(separator: pattern, omittingEmptySubsequences: false).joined(separator: text)
  }
}
