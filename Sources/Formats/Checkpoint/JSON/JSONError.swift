/// Why bytes are not JSON.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The byte at which it shows.
  public let offset: Int
  /// What is wrong there.
  public let reason: String

  /// One line.
  public var description: String { "invalid JSON at byte \(offset): \(reason)" }
}
