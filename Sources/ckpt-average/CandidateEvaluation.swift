import Averaging
import Checkpoint
import CommandSupport
import Foundation

/// Scores averages by a command.
struct CandidateEvaluation {
  let command: String
  let mode: GreedySoup.Mode
  let job: Job

  /// The variant with the best score, the first among equals.
  func best(of variants: [Variant]) throws -> Variant {
    var best: (variant: Variant, score: Double)?
    for variant in variants {
      let score = try score(variant)
      let label = variant.names.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
        separator: ", ")
      job.console.notice("\(label): \(score)")
      if best == nil || mode.isBetter(score, than: best!.score) { best = (variant, score) }
    }
    return best!.variant
  }

  /// The mean of the greedily selected checkpoints.
  func greedySoup() throws -> Variant {
    let count = job.timeline.count
    let result = try GreedySoup.select(count: count, mode: mode) { members in
      let score = try score(try Self.mean(of: members, count: count))
      job.console.detail("\(members.map { job.series.members[$0].name }.joined(separator: " ")): \(score)")
      return score
    }
    job.console.notice(
      "\(result.members.count) of \(count) checkpoints, score \(result.score): \(result.members.map { job.series.members[$0].name }.joined(separator: " "))"
    )
    return try Self.mean(of: result.members, count: count)
  }

  private static func mean(of members: [Int], count: Int) throws -> Variant {
    let weights = (0..<count).map { members.contains($0) ? 1.0 : 0 }
    return Variant(
      method: try averagingMethod("weights", MethodParameters([.weights: weights])),
      methodName: MethodOptions.greedySoup)
  }

  private func score(_ variant: Variant) throws -> Double {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "ckpt-average-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("candidate.safetensors").path
    try job.write([(variant, .path(path))], digest: DigestKind.none, isCandidate: true)
    return try run(path)
  }

  private func run(_ path: String) throws -> Double {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command.contains("$1") ? command : command + " \"$1\"", "sh", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw Failure(.badData, "--eval: the command failed with status \(process.terminationStatus)")
    }
    guard let last = output.split(whereSeparator: \.isWhitespace).last, let score = Double(last) else {
      throw Failure(.badData, "--eval: the command printed no number at the end")
    }
    return score
  }
}
