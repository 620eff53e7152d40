/// Expands the shell's braces: `{000..146}` counts, keeping leading zeros, and `{a,b}` lists.
///
/// Braces that are neither stay as they are.
/// - Returns: At most `limit` names, or nil if there would be more.
func expandBraces(_ pattern: String, limit: Int = 1_000_000) -> [String]? {
  guard let match = pattern.firstMatch(of: /\{(?:([0-9]{1,9})\.\.([0-9]{1,9})|([^{}]*,[^{}]*))\}/) else {
    return [pattern]
  }
  var choices: [String] = []
  if let low = match.1.flatMap({ Int($0) }), let high = match.2.flatMap({ Int($0) }) {
    guard abs(high - low) < limit else { return nil }
    let width = match.1!.first == "0" || match.2!.first == "0" ? max(match.1!.count, match.2!.count) : 0
    choices = stride(from: low, through: high, by: low <= high ? 1 : -1).map { number in
      let digits = "\(number)"
      return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }
  } else if let list = match.3 {
    choices = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
  guard let tails = expandBraces(String(pattern[match.range.upperBound...]), limit: limit),
    tails.count <= limit / choices.count
  else { return nil }
  let head = pattern[..<match.range.lowerBound]
  return choices.flatMap { choice in tails.map { head + choice + $0 } }
}
