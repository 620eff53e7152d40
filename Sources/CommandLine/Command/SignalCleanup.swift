import Checkpoint
import Platform

/// Makes the signals that end a process remove unfinished outputs and the progress bar first.
///
/// The process then ends by the same signal, so that a shell sees what happened. Signals that are ignored, as under
/// `nohup`, stay ignored.
func installSignalCleanup() {
  // A file beyond the limit of ulimit(1) is an error of writing like a full disk.
  signal(SIGXFSZ, SIG_IGN)
  // Globals are made at first use, for which a handler is no place.
  StatusLine.erase()
  for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] {
    let previous = signal(number, SIG_IGN)
    if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
    signal(number) { number in
      PendingOutputs.removeAll()
      StatusLine.eraseInHandler()
      signal(number, SIG_DFL)
      raise(number)
    }
  }
}
