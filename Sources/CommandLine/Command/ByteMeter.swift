import Synchronization

/// A progress bar in MiB for work that counts bytes. Thread safe, which the bar is not.
package final class ByteMeter: @unchecked Sendable {
  private let bar: ProgressBar
  private let count = Mutex(0)

  init(_ bar: ProgressBar) { self.bar = bar }

  /// Counts `bytes` more bytes as done.
  package func add(_ bytes: Int) {
    count.withLock { count in
      bar.advance(by: (count + bytes) >> 20 - count >> 20)
      count += bytes
    }
  }

  /// Removes the bar from the terminal.
  package func finish() { bar.finish() }
}

extension Console {
  /// A bar for `total` bytes, silent unless progress is shown.
  package func byteMeter(_ label: String, total: Int) -> ByteMeter {
    ByteMeter(progress(label, total: total >> 20, unit: "MiB"))
  }
}
