import Foundation

/// Writes a report or a picture beside its target and renames it, so that it is the old one or the complete new one.
///
/// - Throws: `Failure` with status 73.
package func writeTextFile(_ text: String, to path: String) throws {
  do {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  } catch {
    throw Failure(.cannotCreate, "\(path): cannot be written: \(error.localizedDescription)")
  }
}
