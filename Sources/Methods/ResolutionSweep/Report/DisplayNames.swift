import Checkpoint
import Platform

/// A name as tables, plots and sentences show it: without characters that steer a terminal, and of a long one the end,
/// which tells the files of a folder apart.
package func displayName(_ name: String) -> String {
  let shown = TensorName(name).escaped
  return shown.count <= longestName ? shown : "…" + shown.suffix(longestName - 1)
}

/// Characters of a name that is shown whole.
private let longestName = 32

/// Paths without the folders and file names that they all share, and without the extension.
///
/// `run/epoch-1.safetensors` and `run/epoch-2.safetensors` become `epoch-1` and `epoch-2`;
/// `a/last.safetensors` and `b/last.safetensors` become `a` and `b`; of a single path the file's name is left. Equal paths
/// stay as they are.
package func distinguishingNames(_ paths: [String]) -> [String] {
  guard !paths.isEmpty else { return [] }
  var parts = paths.map { path in
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
      String(Substring($0))
    }
  }
  while parts.allSatisfy({ $0.count > 1 && $0.first == parts[0].first }) {
    for index in parts.indices { parts[index].removeFirst() }
  }
  while parts.allSatisfy({ $0.count > 1 && $0.last == parts[0].last }) {
    for index in parts.indices { parts[index].removeLast() }
  }
  let names = parts.map { part -> String in
    let name = part.joined(separator: "/")
    return name.dropping(suffix: ".safetensors") ?? name
  }
  return Set(names).count == Set(paths).count ? names : paths
}

/// The last `count` components of a path: the name of a data set without its place on a machine.
public func lastComponents(_ path: String, count: Int = 1) -> String {
  let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
  return parts.isEmpty ? path : parts.suffix(count).joined(separator: "/")
}
