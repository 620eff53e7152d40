import Foundation

/// A fresh folder that disappears with the value that owns it.
package final class TemporaryFolder {
  package let path: String

  package init() throws {
    var template = Array("\(NSTemporaryDirectory())/ckpt-test-XXXXXX".utf8CString)
    guard let created = mkdtemp(&template) else { throw CocoaError(.fileWriteUnknown) }
    path = String(cString: created)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Names of everything in the folder, sorted.
  package func listing() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}
