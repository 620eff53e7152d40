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
}

extension ImageDataError: DiagnosedError {
  package var exitStatus: ExitStatus {
    if case .settingWithoutMeaning = self { return .usage }
    return switch kind {
    case .badData: .badData
    case .noInput: .noInput
    case .io: .inputOutput
    }
  }

  package var advice: String? {
    switch self {
    case .badImage: "--skip-bad N leaves out up to N such images"
    case .unlabelled(_, .classFiles(hasJSON: true)): "--label-key KEY takes labels from those"
    case .classCountMismatch(_, let found, _, let expected, let hidden)
    where hidden.isEmpty && found < expected:
      "--class-map FILE numbers classes of which some have no images"
    case .settingWithoutMeaning(_, let setting, _):
      switch setting {
      case .classMap: "leave out --class-map"
      case .classOrder: "leave out --class-order"
      case .labelKey: "leave out --label-key"
      }
    default: nil
    }
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
