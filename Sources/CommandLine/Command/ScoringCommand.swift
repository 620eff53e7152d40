import Checkpoint
import Platform

/// A shell command that is given the path of a checkpoint and prints what it is worth.
///
///     let command = ScoringCommand("python evaluate.py", option: "--eval")
///     let score = try command.score(of: "/tmp/candidate.safetensors")
package struct ScoringCommand: Sendable {
  /// The command as given; without `$1` in it the path is appended.
  package let text: String
  /// The option that names it, for messages.
  private let option: String

  /// - Parameters:
  ///   - text: A command of the shell.
  ///   - option: The option that it was given by.
  package init(_ text: String, option: String) { (self.text, self.option) = (text, option) }

  /// The last word that the command prints, as a number.
  /// - Throws: `Failure` when the command fails or prints no number.
  package func score(of path: String) throws -> Double {
    guard let last = try output(for: path).split(whereSeparator: \.isWhitespace).last,
      let score = Double(last)
    else { throw Failure(.badData, "\(option): the last word that the command printed is not a number") }
    return score
  }

  /// The numbers of the last line that the command prints, one for each repetition; words before a single number name it.
  /// - Throws: `Failure` when the command fails, or ends with anything else.
  package func scores(of path: String) throws -> [Double] {
    let lines = try output(for: path).split(whereSeparator: \.isNewline)
    let words = lines.last { !$0.allSatisfy(\.isWhitespace) }?.split(whereSeparator: \.isWhitespace) ?? []
    let numbers = words.map { Double($0) }
    let scores = numbers.reversed().prefix { $0 != nil }.reversed().compactMap(\.self)
    // "epoch 3 0.71" may be one score, and "IoU 0.71 0.74" two: nothing is left to guess where all words are numbers, or a
    // single number follows them.
    guard scores.count == words.count || scores.count == 1, let last = scores.last,
      scores.allSatisfy(\.isFinite)
    else {
      let found = words.isEmpty ? "nothing" : "\"\(escapedForDiagnostics(words.joined(separator: " ")))\""
      throw Failure(
        .badData,
        "\(option): the last line that the command prints is expected to be a number after any words, or several "
          + "numbers alone, found \(found)")
    }
    return scores.count == words.count ? scores : [last]
  }

  /// Output of the command for the file, read through a pipe of the shell's.
  private func output(for path: String) throws -> String {
    let quoted = "'" + path.replacing("'", with: "'\\''") + "'"
    let call = text.contains("$1") ? text : text + " \"$1\""
    guard let pipe = popen("exec </dev/null; set -- \(quoted); \(call)", "r") else {
      throw Failure(.internalError, "\(option): the shell cannot be started")
    }
    var bytes: [UInt8] = []
    while case let byte = getc(pipe), byte != EOF { bytes.append(UInt8(byte)) }
    let status = pclose(pipe)
    guard status == 0 else {
      // The low byte holds the signal that ended the command, the next one its exit status.
      let how = status & 0x7f == 0 ? "with status \(status >> 8)" : "by signal \(status & 0x7f)"
      throw Failure(.badData, "\(option): the command ended \(how)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
