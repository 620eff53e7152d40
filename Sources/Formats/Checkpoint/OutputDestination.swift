/// Where a checkpoint is written to.
public enum OutputDestination: Sendable, Hashable {
  /// A file that is replaced as a whole, or a FIFO or device that is written into.
  case path(String)
  /// File descriptor 1.
  case standardOutput

  /// The destination that a command-line argument names; `-` is standard output.
  public init(argument: String) { self = argument == "-" ? .standardOutput : .path(argument) }

  /// The name in diagnostics: the path as given, or `<stdout>`.
  public var label: String {
    switch self {
    case .path(let path): path
    case .standardOutput: "<stdout>"
    }
  }
}
