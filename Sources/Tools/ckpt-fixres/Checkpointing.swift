import Checkpoint
import FineTuning
import FoundationEssentials

/// The file that a run can be resumed from.
struct Checkpointing {
  private let path: String?
  private let run: String
  private let samples: Int

  /// - Parameters:
  ///   - path: nil to keep nothing.
  ///   - options: everything but the checkpoint that the result depends on.
  init(path: String?, options: [(String, JSON)], tail: TunableTail, samples: Int) throws {
    self.path = path
    self.samples = samples
    let fingerprint = try path == nil ? "" : tail.trunkFingerprint().hexadecimal
    run = "\(fingerprint) \(samples) \(JSON.object(options).encoded())"
  }

  /// The state to go on from; nil when there is none yet.
  func load(_ options: TuningOptions, like start: TailParameters) throws -> TuningState? {
    guard let path, FileManager.default.fileExists(atPath: path) else { return nil }
    let state = try TuningState(openCheckpoint(.path(path)), run: run, like: start)
    if let reason = state.misfit(options, like: start, samples: samples) {
      throw TuningError.foreignState(path: path, reason: reason)
    }
    return state
  }

  func save(_ state: @autoclosure () -> TuningState?) throws {
    guard let path, let state = state() else { return }
    let (tensors, metadata) = state.encoded(run: run)
    try writeCheckpoint(tensors, metadata: metadata, to: .path(path))
  }
}
