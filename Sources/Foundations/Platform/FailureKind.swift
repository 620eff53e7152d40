/// A class of failures, which decides the exit status of a command.
public enum FailureKind: Sendable, Hashable {
  /// A file or its data are wrong.
  case badData
  /// An input is missing or cannot be opened.
  case noInput
  /// The request is wrong.
  case usage
  /// An output cannot be created.
  case cannotCreate
  /// Reading or writing failed.
  case io
}

/// An error of a library: its description is one line of facts that names file, tensor, expected and found, and it
/// knows the class of its failure.
public protocol ClassifiedError: Error, CustomStringConvertible {
  /// The class of the failure.
  var kind: FailureKind { get }
}

extension ClassifiedError {
  /// Most errors are about the data that were read.
  public var kind: FailureKind { .badData }
}
