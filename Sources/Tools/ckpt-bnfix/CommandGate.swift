import Checkpoint
import Command
import NetworkCommand
import Platform
import Statistics

/// Scores of a command before and after, for networks that do not classify.
struct CommandGateResult {
  let command: String
  let mode: GateOptions.ScoreMode
  let before: [Double]
  let after: [Double]

  /// Differences over the repetitions that the command reports.
  private var differences: PairedDifferences { PairedDifferences(after, before) }

  /// Runs the command on the checkpoint as it is, and on the one that would be written.
  ///
  /// - Parameters:
  ///   - model: The checkpoint.
  ///   - replacements: The new statistics.
  ///   - metadata: The metadata of the output.
  /// - Throws: `Failure` when the command fails, or prints other numbers of repetitions; errors of writing.
  init(
    _ text: String, mode: GateOptions.ScoreMode, model: LoadedModel,
    replacements: [TensorName: TensorValue], metadata: Metadata, console: Console
  ) throws {
    command = text
    self.mode = mode
    let command = ScoringCommand(text, option: "--gate-eval")
    func scores(_ tensors: [TensorName: TensorValue], _ metadata: Metadata) throws -> [Double] {
      try withPrivateFile(prefix: "ckpt-bnfix", name: "candidate.safetensors") { path in
        try rewriteCheckpoint(
          model.source, replacing: tensors, metadata: metadata, to: .path(path), options: WriteOptions())
        return try command.scores(of: path)
      }
    }
    before = try scores([:], model.metadata)
    console.detail("--gate-eval before: \(before.map { "\($0)" }.joined(separator: " "))")
    after = try scores(replacements, metadata)
    guard before.count == after.count else {
      throw Failure(
        .badData,
        "--gate-eval: the command printed \(before.count) numbers before and \(after.count) after, which are no pairs"
      )
    }
  }

  /// A single number is taken at its word, several by Student's paired test at the 5 % level.
  func satisfies(_ verdict: GateOptions.GateRequirement) -> Bool {
    let gain = mode == .max ? differences.mean : -differences.mean
    guard before.count > 1 else {
      return switch verdict {
      case .better: gain > 0
      case .notWorse: gain >= 0
      }
    }
    let isSignificant = differences.pValue < PairedComparison.significance
    return switch verdict {
    case .better: isSignificant && gain > 0
    case .notWorse: !(isSignificant && gain < 0)
    }
  }

  var json: JSON {
    func list(_ values: [Double]) -> JSON { .array(values.map { JSON($0) }) }
    var members: [(String, JSON)] = [
      ("command", .string(command)), ("mode", .string(mode.rawValue)), ("before", list(before)),
      ("after", list(after)), ("difference", JSON(differences.mean)),
    ]
    if before.count > 1 {
      members += [
        ("standard_error", JSON(differences.standardError)),
        ("interval", list([differences.interval.lowerBound, differences.interval.upperBound])),
        ("p", JSON(differences.pValue)),
      ]
    }
    return .object(members)
  }
}

extension CommandGateResult: CustomStringConvertible {
  var description: String {
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    let text = String(
      format: "%.5g before, %.5g after: %+.5g", mean(before), mean(after), differences.mean)
    guard before.count > 1 else { return "--gate-eval: \(text)" }
    return "--gate-eval: \(text)"
      + String(
        format: " (95 %% interval %+.5g to %+.5g) over %d repetitions, p %.4f",
        differences.interval.lowerBound, differences.interval.upperBound, before.count, differences.pValue)
  }
}
