import CPlatform
import Platform
import Synchronization

/// Files that must not outlive the process: outputs that are still being written, and what is only passed on.
public enum PendingOutputs {
  /// Removes all of them.
  ///
  /// Async-signal-safe: meant for the handler of a signal that ends the process.
  public static func removeAll() {
    ck_pending_outputs_remove()
    if let path = UnsafePointer<CChar>(bitPattern: folder.load(ordering: .acquiring)) { rmdir(path) }
  }

  /// The address of the name of a folder that goes away with the files in it, one at a time. The copy stays allocated, as
  /// a handler may be reading it.
  private static let folder = Atomic<UInt>(0)

  /// Lets `removeAll` remove a folder once it is empty.
  package static func register(folder path: String) {
    folder.store(UInt(bitPattern: strdup(path)), ordering: .releasing)
  }

  /// Lets the folder stay.
  package static func unregisterFolder() { folder.store(0, ordering: .releasing) }

  /// A slot for `path`; nil when all are taken, which only means that a signal would leave the file.
  public static func register(_ path: String) -> Int32? {
    let slot = ck_pending_outputs_add(path)
    return slot < 0 ? nil : slot
  }

  /// Lets the file of this slot stay.
  public static func unregister(_ slot: Int32) { ck_pending_outputs_forget(slot) }
}
