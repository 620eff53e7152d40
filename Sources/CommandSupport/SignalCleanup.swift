import Checkpoint
import Foundation

/// Makes the signals that end a process remove unfinished outputs first.
///
/// The process then ends by the same signal, so that a shell sees what happened.
func installSignalCleanup() {
  // A file beyond the limit of ulimit(1) is an error of writing like a full disk.
  signal(SIGXFSZ, SIG_IGN)
  for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] {
    signal(number) { number in
      PendingOutputs.removeAll()
      signal(number, SIG_DFL)
      raise(number)
    }
  }
}
