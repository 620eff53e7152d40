import Checkpoint
import Foundation

/// Where temporary files go: `TMPDIR`, else `/tmp`.
package func scratchFolder() -> String {
  let folder = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
  return folder.isEmpty ? "/tmp" : folder
}

extension OpenOptions {
  /// The defaults, with temporary copies in `scratchFolder()`.
  package static var standard: OpenOptions {
    var options = OpenOptions()
    options.temporaryFolder = scratchFolder()
    return options
  }
}
