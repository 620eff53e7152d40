import Foundation

/// Paths of the real data in `fixtures/`.
package enum Fixtures {
  package static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("fixtures")

  package static func path(_ relative: String) -> String { root.appendingPathComponent(relative).path }

  /// The checkpoints of the bundled training run, in no particular order.
  package static func series() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path("run")).map { path("run/\($0)") }
  }
}
