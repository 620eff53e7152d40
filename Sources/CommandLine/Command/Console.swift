import Platform
import Synchronization

/// Output of a tool besides its data: diagnostics, notices and progress, all on standard error.
package struct Console: Sendable {
  package let tool: String
  let verbosity: Verbosity
  let showsProgress: Bool

  enum Verbosity: Int, Sendable, Comparable {
    case quiet, normal, verbose
    static func < (a: Verbosity, b: Verbosity) -> Bool { a.rawValue < b.rawValue }
  }

  init(tool: String, verbosity: Verbosity, progress: Bool?) {
    self.tool = tool
    self.verbosity = verbosity
    showsProgress = progress ?? (verbosity > .quiet && isatty(STDERR_FILENO) == 1)
  }

  /// A line that the user should see although nothing went wrong; `--quiet` hides it.
  package func notice(_ message: String) {
    if verbosity >= .normal { line(message) }
  }

  /// A line about something that may well be a mistake; not even `--quiet` hides it.
  package func warning(_ message: String) {
    line("warning: " + message)
  }

  /// A line on what was recognized or chosen, shown by `--verbose`.
  package func detail(_ message: @autoclosure () -> String) {
    if verbosity >= .verbose { line(message()) }
  }

  /// A bar for `total` steps of `unit`, silent unless progress is shown.
  package func progress(_ label: String, total: Int, unit: String) -> ProgressBar {
    ProgressBar(label: "\(tool): \(label)", total: total, unit: unit, enabled: showsProgress)
  }

  /// A message is one line, whatever the names in it.
  func line(_ message: String) {
    writeLine("\(tool): \(message)")
  }
}

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

/// A message of one line on standard error; line breaks in it are escaped, and of what quotes megabytes of a file only the
/// beginning and the end are shown.
func writeLine(_ message: String) {
  let end = 1 << 15
  var message = message
  if message.unicodeScalars.count > 2 * end {
    message = "\(String(message.unicodeScalars.prefix(end))) … \(String(message.unicodeScalars.suffix(end)))"
  }
  writeToStandardError(message.replacing("\n", with: "\\n") + "\n")
}

/// Standard error as it comes: there is nowhere left to report that it fails.
func writeBestEffort(_ text: String) {
  try? writeAll(text, to: STDERR_FILENO, label: "standard error")
}

private func writeAll(_ text: String, to descriptor: Int32, label: String) throws {
  var text = text
  try text.withUTF8 { bytes in
    let code = Platform.writeAll(descriptor, UnsafeRawBufferPointer(bytes))
    guard code == 0 else {
      throw Failure(.inputOutput, "\(label): write failed: \(String(cString: strerror(code)))")
    }
  }
}

/// The one line on the terminal that is drawn over and over again: a progress bar.
///
/// It is erased before anything else is written to standard error, so that neither a message, an error nor a signal
/// leaves half a bar.
enum StatusLine {
  private static let isDrawn = Atomic(false)
  private static let erasure = "\r\u{1B}[K"

  /// Draws `text`, shorter than `width`, in place of what was drawn before.
  static func draw(_ text: String) {
    isDrawn.store(true, ordering: .relaxed)
    writeBestEffort(erasure + text)
  }

  /// Removes the line, if there is one.
  static func erase() {
    if isDrawn.exchange(false, ordering: .relaxed) { writeBestEffort(erasure) }
  }

  /// Erases the line within a signal handler, where only a system call is safe.
  ///
  /// - Precondition: something of this type was used before, so that its storage exists.
  static func eraseInHandler() {
    guard isDrawn.exchange(false, ordering: .relaxed) else { return }
    var bytes: (UInt8, UInt8, UInt8, UInt8) = (0x0D, 0x1B, 0x5B, 0x4B)
    _ = write(STDERR_FILENO, &bytes, 4)
  }

  /// Columns of the terminal; 80 where it does not say.
  static var width: Int { terminalWidth(of: STDERR_FILENO) ?? 80 }
}

/// Columns of the terminal at a file descriptor; nil where there is none or it does not say.
package func terminalWidth(of descriptor: Int32) -> Int? {
  var size = winsize()
  guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else {
    return nil
  }
  return Int(size.ws_col)
}
