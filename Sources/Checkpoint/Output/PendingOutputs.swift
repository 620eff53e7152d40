import CKernels

/// The temporary files of outputs that are still being written.
public enum PendingOutputs {
  /// Removes the temporary files of all unfinished outputs.
  ///
  /// Async-signal-safe: meant for the handler of a signal that ends the process.
  public static func removeAll() { ck_pending_outputs_remove() }

  /// A slot for `path`; nil when all are taken, which only means that a signal would leave the file behind.
  static func register(_ path: String) -> Int32? {
    let slot = ck_pending_outputs_add(path)
    return slot < 0 ? nil : slot
  }

  static func unregister(_ slot: Int32) { ck_pending_outputs_forget(slot) }
}
