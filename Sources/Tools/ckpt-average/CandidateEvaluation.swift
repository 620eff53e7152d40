import Averaging
import Checkpoint
import Command
import Platform

/// Scores averages by a command.
struct CandidateEvaluation {
  let command: String
  let mode: GreedySoup.Mode
  let job: Job

  /// The variant with the best score, the first among equals.
  func best(of variants: [Variant]) throws -> Variant {
    var best: (variant: Variant, score: Double)?
    var candidates: [(names: [String: String], score: Double)] = []
    for variant in variants {
      let score = try score(variant)
      let label = variant.names.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
        separator: ", ")
      job.console.notice("\(label): \(score)")
      candidates.append((variant.names, score))
      if best == nil || mode.isBetter(score, than: best!.score) { best = (variant, score) }
    }
    var chosen = best!.variant
    chosen.choice = .init(mode: mode, score: best!.score, candidates: candidates)
    return chosen
  }

  /// The mean of the greedily selected checkpoints.
  func greedySoup() throws -> Variant {
    let count = job.timeline.count
    let result = try GreedySoup.select(count: count, mode: mode) { members in
      let score = try score(try Self.mean(of: members, count: count))
      job.console.detail(
        "\(members.map { escaped(job.series.members[$0].name) }.joined(separator: " ")): \(score)")
      return score
    }
    job.console.notice(
      "\(result.members.count) of \(count) checkpoints, score \(result.score): \(result.members.map { escaped(job.series.members[$0].name) }.joined(separator: " "))"
    )
    var chosen = try Self.mean(of: result.members, count: count)
    chosen.choice = .init(
      methodName: MethodOptions.greedySoup, mode: mode, score: result.score, alone: result.alone)
    return chosen
  }

  private static func mean(of members: [Int], count: Int) throws -> Variant {
    let weights = (0..<count).map { members.contains($0) ? 1.0 : 0 }
    return Variant(method: try WeightedSum(weights: weights))
  }

  private func score(_ variant: Variant) throws -> Double {
    try withPrivateFile(prefix: "ckpt-average", name: "candidate.safetensors") { path in
      try job.write([(variant, .path(path))], digest: DigestKind.none, isCandidate: true)
      return try run(path)
    }
  }

  /// Output of the command for the file, read through a pipe of the shell's.
  private func run(_ path: String) throws -> Double {
    let quoted = "'" + path.replacing("'", with: "'\\''") + "'"
    let call = command.contains("$1") ? command : command + " \"$1\""
    guard let pipe = popen("exec </dev/null; set -- \(quoted); \(call)", "r") else {
      throw Failure(.internalError, "--eval: the shell cannot be started")
    }
    var bytes: [UInt8] = []
    while case let byte = getc(pipe), byte != EOF { bytes.append(UInt8(byte)) }
    let output = String(decoding: bytes, as: UTF8.self)
    let status = pclose(pipe)
    guard status == 0 else {
      // The low byte holds the signal that ended the command, the next one its exit status.
      let how = status & 0x7f == 0 ? "with status \(status >> 8)" : "by signal \(status & 0x7f)"
      throw Failure(.badData, "--eval: the command ended \(how)")
    }
    guard let last = output.split(whereSeparator: \.isWhitespace).last, let score = Double(last) else {
      throw Failure(.badData, "--eval: the command printed no number at the end")
    }
    return score
  }
}
