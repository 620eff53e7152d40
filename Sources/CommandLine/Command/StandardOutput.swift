import Platform

/// Text on standard output, with failures reported.
///
/// `print` ignores a full disk and a closed pipe, so a table could be cut short under exit status 0.
package enum StandardOutput {
  /// Writes all of `text` to file descriptor 1, with escapes for what would steer a terminal.
  ///
  /// - Throws: `Failure` with status 74 when the descriptor takes no more bytes.
  package static func write(_ text: String) throws {
    StatusLine.erase()
    try writeAll(terminalText(text), to: STDOUT_FILENO, label: "standard output")
  }
}

/// Data on standard error, where it goes when standard output carries a checkpoint; failures are reported.
package enum StandardError {
  /// Writes all of `text` to file descriptor 2, with escapes for what would steer a terminal.
  ///
  /// - Throws: `Failure` with status 74 when the descriptor takes no more bytes.
  package static func write(_ text: String) throws {
    StatusLine.erase()
    try writeAll(terminalText(text), to: STDERR_FILENO, label: "standard error")
  }
}

/// A message of several lines on standard error.
func writeToStandardError(_ text: String) {
  StatusLine.erase()
  writeBestEffort(terminalText(text))
}

/// A message of one line on standard error; line breaks in it are escaped.
func writeLine(_ message: String) {
  writeToStandardError(message.replacing("\n", with: "\\n") + "\n")
}

/// Standard error as it comes: there is nowhere left to report that it fails.
func writeBestEffort(_ text: String) {
  try? writeAll(text, to: STDERR_FILENO, label: "standard error")
}

private func writeAll(_ text: String, to descriptor: Int32, label: String) throws {
  var text = text
  try text.withUTF8 { bytes in
    var offset = 0
    while offset < bytes.count {
      let written = write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
      if written < 0 {
        if errno == EINTR { continue }
        throw Failure(.inputOutput, "\(label): write failed: \(String(cString: strerror(errno)))")
      }
      offset += written
    }
  }
}
