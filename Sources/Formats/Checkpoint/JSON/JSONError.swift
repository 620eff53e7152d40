/// Why bytes are not JSON.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The byte at which it shows.
  public let offset: Int
  /// Description of the fault.
  public let reason: String

  /// One line.
  public var description: String { "invalid JSON at byte \(offset): \(reason)" }
}
