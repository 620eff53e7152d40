/// Where a checkpoint is read from.
public enum Location: Sendable, Hashable {
  /// A file, a FIFO, or the folder of a sharded set.
  case path(String)
  /// File descriptor 0.
  case standardInput

  /// The location that a command-line argument names; `-` is standard input.
  public init(argument: String) { self = argument == "-" ? .standardInput : .path(argument) }

  /// The name in diagnostics: the path as given, or `<stdin>`.
  public var label: String {
    switch self {
    case .path(let path): path
    case .standardInput: "<stdin>"
    }
  }
}
