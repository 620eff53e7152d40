import Platform

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
