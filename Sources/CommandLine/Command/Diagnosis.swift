import Checkpoint
import Platform

/// An error for which a tool knows what to do, in terms of its options.
package protocol AdvisedError: Error {
  /// The advice, without a full stop; nil where there is none for this case.
  var advice: String? { get }
}

/// The error's own words and what to do.
package func advised(_ error: any Error) -> String {
  "\(error)" + ((error as? any AdvisedError)?.advice.map { "; \($0)" } ?? "")
}

extension ExitStatus {
  /// The exit status of an error; nil for errors that none of the libraries throws.
  init?(of error: any Error) {
    if let failure = error as? Failure {
      self = failure.status
      return
    }
    guard let error = error as? any ClassifiedError else { return nil }
    self =
      switch error.kind {
      case .badData: .badData
      case .noInput: .noInput
      case .usage: .usage
      case .cannotCreate: .cannotCreate
      case .io: .inputOutput
      }
  }
}

extension CheckpointError: AdvisedError {
  package var advice: String? {
    switch self {
    case .missingBase: "name that with --base"
    case .looksCompressed: "use --compress"
    case .unsupportedType(_, _, let dtype, _) where dtype.isFloatingPoint: "--dtype f32 converts it"
    case .ambiguousStateDict: "--key chooses one"
    case .keyWithoutMeaning: "leave out --key"
    case .directoryWithoutIndex: "a series of checkpoints is for ckpt-average --series DIR"
    case .partOfCheckpoint(let path, _):
      WriteOptions.Format(suffixOf: path) == .safetensors
        ? "name its folder or the index" : "name the folder that its files are in"
    case .nameCollision: "ckpt-convert --exclude leaves one of them out"
    default: nil
    }
  }
}

/// Exit statuses of every tool, after `sysexits.h` where it has one.
package enum ExitStatus: Int32, Sendable {
  case done = 0
  /// A negative verdict of a check that ran to its end (`--require`, `verify`, `diff`); never an error.
  case negativeVerdict = 1
  case usage = 64
  case badData = 65
  case noInput = 66
  case internalError = 70
  case cannotCreate = 73
  case inputOutput = 74
}

/// An error that already knows its one-line message and its exit status.
package struct Failure: Error, CustomStringConvertible {
  package let status: ExitStatus
  package let description: String

  /// - Parameter message: one line without the tool's name; says what to do next where that is known.
  package init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.description = message
  }
}
