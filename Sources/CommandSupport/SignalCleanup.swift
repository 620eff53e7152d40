import Checkpoint
import Foundation

/// Makes the signals that end a process remove unfinished outputs first.
///
/// The process then ends by the same signal, so that a shell sees what happened.
func installSignalCleanup() {
  for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] {
    signal(number) { number in
      PendingOutputs.removeAll()
      signal(number, SIG_DFL)
      raise(number)
    }
  }
}
