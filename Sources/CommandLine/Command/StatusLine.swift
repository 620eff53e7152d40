import Platform
import Synchronization

/// The one line on the terminal that is drawn over and over again: a progress bar.
///
/// Whatever else writes to standard error takes it off first, so that neither a message, an error nor a
/// signal leaves half a bar.
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
