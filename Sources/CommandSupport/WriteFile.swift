import Checkpoint
import Foundation

/// Writes a report or a picture, so that its target is the old one or the complete new one.
///
/// - Throws: `CheckpointError` when the target cannot be created or written.
package func writeFile(_ data: Data, to path: String) throws {
  try writeOutput(data, to: .path(path))
}
