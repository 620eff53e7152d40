import Checkpoint
import Foundation

/// Writes a report or a picture beside its target and renames it, so that it is the old one or the complete new one.
///
/// - Throws: `Failure` with status 73.
package func writeFile(_ data: Data, to path: String) throws {
  do {
    try data.write(to: URL(fileURLWithPath: path), options: .atomic)
  } catch {
    throw Failure(
      .cannotCreate, "\(TensorName(path).escaped): cannot be written: \(error.localizedDescription)")
  }
}
