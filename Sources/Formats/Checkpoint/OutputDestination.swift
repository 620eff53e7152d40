/// Where a checkpoint is written to.
public enum OutputDestination: Sendable, Hashable {
  /// A file that is replaced as a whole, a FIFO or device that is written into, or, with a slash at the end, a model folder.
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

  /// The folder, where the path ends with a slash; nil for anything else.
  var folder: String? {
    guard case .path(let path) = self, path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") else {
      return nil
    }
    return String(decoding: path.utf8.dropLast(), as: UTF8.self)
  }
}
