import Checkpoint
import Command

extension Info {
  /// Verifies every file; the reason of a damage is in JSON's rows and on standard error.
  func verifyAll(_ console: Console) throws {
    var faults: [any Error] = []
    var report = Report(
      label: "verify", columns: ["file", "tensors", "bytes", "checksums", "verdict", "reasons"])
    report.unprinted = ["reasons"]
    for path in files {
      var cells: [Report.Cell] = [.none, .none, .none]
      var verdict = "ok"
      var reasons: [String] = []
      do {
        let source = try open(path)
        cells = [
          .integer(source.tensors.count), .integer(source.tensors.reduce(0) { $0 + $1.byteCount }),
          .text(source.checksumCoverage.rawValue),
        ]
        reasons = console.watching("verifying", [source]) { verify($0[0]) }
      } catch let error as CheckpointError where error.kind == .badData {
        reasons = ["\(error)"]
      } catch {
        verdict = "unreadable"
        reasons = [advised(error)]
        faults.append(error)
      }
      if verdict == "ok" && !reasons.isEmpty {
        verdict = "damaged"
        faults += reasons.map { Failure(.negativeVerdict, $0) }
      }
      report.add([.text(path)] + cells + [.text(verdict), .list(reasons)])
    }
    try print([report])
    try raise(faults, console)
  }
}
