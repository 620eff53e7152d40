import ArgumentParser
import Averaging
import Command

/// Choosing among averages by what a command says about them.
struct SearchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shell command that gets a checkpoint's path as $1 and prints a score.", valueName: "command"))
  var eval: String?

  @Option(help: "Best score, the largest or the smallest (default: max; --best needs it).")
  var mode: GreedySoup.Mode?

  @Option(
    help: ArgumentHelp(
      "Candidates: last=2:12, decay=0.5,0.9; with --eval the best one is written.", valueName: "what"))
  var search: [String] = []

  func validate() throws { for text in search { _ = try Self.parse(text) } }

  /// The averages to make: one, or every combination of the decays and windows asked for.
  func variants(method: MethodOptions, input: SeriesOptions) throws -> [Variant] {
    var decays = method.decay?.values.map { Optional($0) } ?? [nil]
    var windows = input.last?.values.map { Optional(Int($0)) } ?? [nil]
    for text in search {
      let (key, values) = try Self.parse(text)
      if key == "decay" { decays = values } else { windows = values.map { Int($0) } }
    }
    return try windows.flatMap { window in
      try decays.map { decay in
        var names: [String: String] = [:]
        names["decay"] = decay.map(Self.text)
        names["last"] = window.map(String.init)
        return Variant(method: try method.make(decay: decay), window: window, names: names)
      }
    }
  }

  private static func parse(_ text: String) throws -> (key: String, values: [Double]) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    if parts.count == 2, parts[0] == "last", let sizes = SizeList(argument: parts[1]) {
      return ("last", sizes.sizes.map(Double.init))
    }
    if parts.count == 2, parts[0] == "decay", let list = NumberList(argument: parts[1]) {
      return ("decay", list.values)
    }
    throw ValidationError("--search takes last=SIZES or decay=D,D…, not '\(text)'")
  }

  private static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}

extension GreedySoup.Mode: ExpressibleByArgument {}
