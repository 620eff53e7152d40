import Checkpoint
import ConvNet
import ImageData

/// The message and status of an error of this project's modules; nil for errors of the argument parser.
func diagnose(_ error: any Error) -> Failure? {
  switch error {
  case let failure as Failure: failure
  case let error as CheckpointError: Failure(status(of: error.kind), error.description)
  case let error as ImageDataError: Failure(status(of: error.kind), error.description)
  case let error as ConvNetError: Failure(.badData, error.description)
  default: nil
  }
}

private func status(of kind: CheckpointError.Kind) -> ExitStatus {
  switch kind {
  case .badData: .badData
  case .noInput: .noInput
  case .cannotCreate: .cannotCreate
  case .io: .inputOutput
  case .usage: .usage
  }
}

private func status(of kind: ImageDataError.Kind) -> ExitStatus {
  switch kind {
  case .badData: .badData
  case .noInput: .noInput
  case .io: .inputOutput
  }
}
