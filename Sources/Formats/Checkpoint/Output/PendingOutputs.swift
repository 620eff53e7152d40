import CKernels

/// Files that must not outlive the process: outputs that are still being written, and what is only passed on.
public enum PendingOutputs {
  /// Removes all of them.
  ///
  /// Async-signal-safe: meant for the handler of a signal that ends the process.
  public static func removeAll() { ck_pending_outputs_remove() }

  /// A slot for `path`; nil when all are taken, which only means that a signal would leave the file.
  public static func register(_ path: String) -> Int32? {
    let slot = ck_pending_outputs_add(path)
    return slot < 0 ? nil : slot
  }

  /// Lets the file of this slot stay.
  public static func unregister(_ slot: Int32) { ck_pending_outputs_forget(slot) }
}
