/// An error that already knows its one-line message and its exit status.
package struct Failure: Error, CustomStringConvertible {
  package let status: ExitStatus
  package let description: String

  /// - Parameter message: one line without the tool's name; says what to do next where that is known.
  package init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.description = message
  }
}
