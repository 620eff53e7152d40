/// Paths without the folders and file names that they all share, and without the extension.
///
/// `run/epoch-1.safetensors` and `run/epoch-2.safetensors` become `epoch-1` and `epoch-2`;
/// `a/last.safetensors` and `b/last.safetensors` become `a` and `b`. Equal paths stay as they are.
package func distinguishingNames(_ paths: [String]) -> [String] {
  var parts = paths.map { $0.split(separator: "/", omittingEmptySubsequences: false).map(String.init) }
  while parts.allSatisfy({ $0.count > 1 && $0.first == parts[0].first }) {
    for index in parts.indices { parts[index].removeFirst() }
  }
  while parts.allSatisfy({ $0.count > 1 && $0.last == parts[0].last }) {
    for index in parts.indices { parts[index].removeLast() }
  }
  let names = parts.map { part -> String in
    let name = part.joined(separator: "/")
    return name.hasSuffix(".safetensors") ? String(name.dropLast(12)) : name
  }
  return Set(names).count == Set(paths).count ? names : paths
}

/// The last `count` components of a path: the name of a data set without its place on a machine.
public func lastComponents(_ path: String, count: Int = 1) -> String {
  let parts = path.split(separator: "/")
  return parts.isEmpty ? path : parts.suffix(count).joined(separator: "/")
}
