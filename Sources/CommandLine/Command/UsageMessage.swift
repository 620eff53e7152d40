import ArgumentParser

/// The one line that a usage error becomes.
enum UsageMessage {
  /// Names that users of other tools try first, and the options that stand for them here.
  private static let guesses: [(others: [String], options: [String])] = [
    (["json"], ["--format json"]),
    (["img-size", "image-size", "input-size", "size", "imgsz"], ["--crop"]),
    (["crop-pct"], ["--resize and --crop"]),
    (["batch", "bs"], ["--batch-size"]),
    (["workers", "num-workers", "jobs", "num-threads"], ["--threads"]),
    (["out", "output-dir", "outfile"], ["--output"]),
    (["model", "architecture"], ["--arch"]),
    (["val-data", "val-dir", "eval-data"], ["--val", "--data"]),
    (["data-dir", "data-path", "dataset", "train-data"], ["--data", "--train"]),
    (["learning-rate"], ["--lr"]),
    (["amp", "bf16"], ["--compute bf16", "--dtype bf16"]),
    (["half", "fp16"], ["--dtype f16"]),
    (["ema", "model-ema"], ["--method ema"]),
    (["checkpoint-hist", "num-checkpoints", "num"], ["--last"]),
    (["smoothing"], ["--label-smoothing"]),
    (["wd"], ["--weight-decay"]),
  ]

  /// - Parameters:
  ///   - message: What the argument parser says of the error.
  ///   - full: The same with the help of the option and the usage.
  ///   - tool: The tool's name.
  ///   - help: The tool's help, which tells the options that it has.
  static func line(_ message: String, full: String, tool: String, help: String) -> String {
    // The parser begins its own sentences with a capital; the tools do not, and say themselves what to type.
    guard let first = message.first, first.isUppercase else { return joined(message) }
    let text = joined(first.lowercased() + message.dropFirst())
    let choice = ". Please provide one of "
    if text.contains(choice) { return text.replacing(choice, with: "; expected one of ") }
    let guess = ". Did you mean "
    if let advice = advice(for: message, help: help) {
      return "\(text.split(separator: guess)[0]); \(advice)"
    }
    if text.contains(guess) { return text.replacing(guess, with: "; did you mean ") }
    return text + (explanation(in: full) ?? "") + "; see \(tool) --help"
  }

  /// Sentences on one line, and values to choose from after each other.
  private static func joined(_ message: String) -> String {
    let lines = message.split(separator: "\n")
    let bullet = "  - "
    let values = lines.filter { $0.hasPrefix(bullet) }.map { $0.dropFirst(bullet.count) }
    var text = lines.filter { !$0.hasPrefix(bullet) }.joined(separator: " ")
    if !values.isEmpty {
      text = text.replacing("the following:", with: values.joined(separator: ", "))
    }
    while text.last == "." { text.removeLast() }
    return text
  }

  /// The help of the option that the error is about.
  private static func explanation(in full: String) -> String? {
    let prefix = "Help:"
    guard let line = full.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else { return nil }
    // The option's name, which the message has, and its text.
    let parts = line.dropFirst(prefix.count).split(separator: "  ", omittingEmptySubsequences: true)
    guard var text = parts.dropFirst().last?.drop(while: { $0 == " " }) else { return nil }
    while text.last == "." { text.removeLast() }
    return " (\(text))"
  }

  /// The option that an unknown one stands for.
  private static func advice(for message: String, help: String) -> String? {
    let start = "Unknown option '--"
    guard message.hasPrefix(start) else { return nil }
    let name = message.dropFirst(start.count).prefix { $0 != "'" && $0 != "=" }
    let fitting = guesses.first { $0.others.contains(String(name)) }?.options.first { option in
      help.contains(option.prefix { $0 != " " } + " ")
    }
    return fitting.map { "use \($0)" }
  }
}
