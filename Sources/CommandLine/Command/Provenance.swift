import Checkpoint
import Platform

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
    entries(in: metadata)?.compactMap { $0["tool"]?.stringValue } ?? []
  }

  /// The entries of the history; nil without one, or for one that came from elsewhere.
  private static func entries(in metadata: Metadata) -> [JSON]? {
    metadata[key].flatMap { try? JSON.parse(Array($0.utf8)).arrayValue }
  }

  /// How a checkpoint was made, oldest step first, as in `mean of 10, bnfix on 900 images, fixres`; nil without a history.
  package static func inWords(_ metadata: Metadata) -> String? {
    guard let entries = entries(in: metadata) else { return nil }
    let steps = entries.compactMap { entry -> String? in
      guard let tool = entry["tool"]?.stringValue else { return nil }
      let options = entry["options"]
      let inputs = entry["inputs"]?.arrayValue?.count ?? 0
      if let method = options?["method"]?.stringValue, inputs > 0 { return "\(method) of \(inputs)" }
      let name = tool.hasPrefix("ckpt-") ? String(tool.dropFirst(5)) : tool
      return options?["images"]?.intValue.map { "\(name) on \(counted($0, "image"))" } ?? name
    }
    return steps.isEmpty ? nil : steps.joined(separator: ", ")
  }

  /// Appends this entry to the history in `metadata`.
  ///
  /// A history that is not a JSON array came from elsewhere and is kept as the first entry, as text.
  package func record(in metadata: inout Metadata) {
    var entries = Self.entries(in: metadata) ?? metadata[Self.key].map { [.string($0)] } ?? []
    var entry: [(String, JSON)] = [
      ("tool", .string(tool)), ("version", .string(toolsVersion)), ("options", .object(options)),
    ]
    if !inputs.isEmpty { entry.append(("inputs", .array(inputs))) }
    entries.append(.object(entry))
    metadata[Self.key] = JSON.array(entries).encoded()
  }
}
