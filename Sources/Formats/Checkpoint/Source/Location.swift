/// Place that a checkpoint is read from or written to.
///
/// ```swift
/// let source = try openCheckpoint(Location(argument: "-"))
/// try writeCheckpoint(tensors, metadata: Metadata(), to: .path("epoch-9.safetensors"))
/// ```
public enum Location: Sendable, Hashable {
  /// A file, a FIFO, a device, or a folder: that of a sharded set or a model, written where a slash ends the path.
  case path(String)
  /// File descriptor 0 where something is read, 1 where something is written.
  case standardStream

  /// The location that a command-line argument names; `-` is the standard stream.
  public init(argument: String) { self = argument == "-" ? .standardStream : .path(argument) }

  /// Name in diagnostics of reading: the path as given, or `<stdin>`.
  public var inputLabel: String { path ?? "<stdin>" }
  /// Name in diagnostics of writing: the path as given, or `<stdout>`.
  public var outputLabel: String { path ?? "<stdout>" }

  private var path: String? {
    if case .path(let path) = self { path } else { nil }
  }

  /// The folder to write, where the path ends with a slash; nil for anything else.
  var folder: String? {
    guard let path, path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") else { return nil }
    return String(decoding: path.utf8.dropLast(), as: UTF8.self)
  }
}
