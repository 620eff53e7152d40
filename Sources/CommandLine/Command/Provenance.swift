import Checkpoint

/// One entry of `ckpt.history`: what a tool did, with what options, to which inputs.
///
/// Options that cannot change the tensors (paths, threads, progress) are left out, so that the same
/// work gives the same bytes wherever it ran.
package struct Provenance: Sendable {
  var tool: String
  var options: [(String, JSON)]
  var inputs: [JSON]

  package init(tool: String, options: [(String, JSON)], inputs: [JSON] = []) {
    self.tool = tool
    self.options = options
    self.inputs = inputs
  }

  static let key = MetadataKey.history

  /// The tools that a checkpoint has come through, oldest first.
  package static func tools(in metadata: Metadata) -> [String] {
    guard let text = metadata[key], case .array(let entries)? = try? JSON.parse(Array(text.utf8)) else {
      return []
    }
    return entries.compactMap { $0["tool"]?.stringValue }
  }

  /// Appends this entry to the history in `metadata`.
  ///
  /// A history that is not a JSON array came from elsewhere and is kept as the first entry, as text.
  package func record(in metadata: inout Metadata) {
    var entries: [JSON] = []
    if let text = metadata[Self.key] {
      if case .array(let earlier)? = try? JSON.parse(Array(text.utf8)) {
        entries = earlier
      } else {
        entries = [.string(text)]
      }
    }
    var entry: [(String, JSON)] = [
      ("tool", .string(tool)), ("version", .string(toolsVersion)), ("options", .object(options)),
    ]
    if !inputs.isEmpty { entry.append(("inputs", .array(inputs))) }
    entries.append(.object(entry))
    metadata[Self.key] = JSON.array(entries).encoded()
  }
}
