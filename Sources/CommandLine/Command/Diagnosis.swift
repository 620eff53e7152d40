import Platform

/// An error for which a tool knows what to do, in terms of its options.
package protocol AdvisedError: Error {
  /// The advice, without a full stop; nil where there is none for this case.
  var advice: String? { get }
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
