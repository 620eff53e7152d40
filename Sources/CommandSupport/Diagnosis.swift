import Checkpoint
import ConvNet
import ImageData
import ONNXModel

/// An error whose description is the diagnostic, and which knows the exit status.
package protocol DiagnosedError: Error, CustomStringConvertible {
  var exitStatus: ExitStatus { get }
  /// What to do about it with the tools' options, where that is known.
  var advice: String? { get }
}

extension DiagnosedError {
  package var advice: String? { nil }

  /// Most errors are about what was read.
  package var exitStatus: ExitStatus { .badData }
}

extension Failure: DiagnosedError {
  package var exitStatus: ExitStatus { status }
}

extension CheckpointError: DiagnosedError {
  package var exitStatus: ExitStatus {
    switch kind {
    case .badData: .badData
    case .noInput: .noInput
    case .cannotCreate: .cannotCreate
    case .io: .inputOutput
    case .usage: .usage
    }
  }

  package var advice: String? {
    switch self {
    case .missingBase: "name that with --base"
    case .looksCompressed: "use --compress"
    case .unsupportedType(_, _, let dtype, _) where dtype.isFloatingPoint: "--dtype f32 converts it"
    case .ambiguousStateDict: "--key chooses one"
    case .directoryWithoutIndex: "a series of checkpoints is for ckpt-average --series DIR"
    case .partOfCheckpoint(let path, _):
      WriteOptions.Format(suffixOf: path) == .safetensors
        ? "name its folder or the index" : "gather the whole checkpoint with zero_to_fp32.py of its folder"
    case .nameCollision: "ckpt-convert --exclude leaves one of them out"
    default: nil
    }
  }
}

extension ImageDataError: DiagnosedError {
  package var exitStatus: ExitStatus {
    switch kind {
    case .badData: .badData
    case .noInput: .noInput
    case .io: .inputOutput
    }
  }

  package var advice: String? {
    guard case .badImage = self else { return nil }
    return "--skip-bad N leaves out up to N such images"
  }
}

extension ConvNetError: DiagnosedError {
  package var exitStatus: ExitStatus {
    switch kind {
    case .badData: .badData
    case .usage: .usage
    case .io: .inputOutput
    }
  }
}

extension ONNXError: DiagnosedError {}
extension ONNXImportError: DiagnosedError {}
