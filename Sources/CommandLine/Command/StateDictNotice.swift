import Checkpoint

/// Says in one line which files' averaged weights were taken although they hold raw ones, too.
package func tellStateDicts(of sources: [any CheckpointSource], _ console: Console) {
  let averaged = sources.filter { $0.origin.stateDict?.reason == .averaged }
  guard let first = averaged.first, let choice = first.origin.stateDict else { return }
  func quoted(_ key: String) -> String {
    key.isEmpty ? "those at the top level" : "\"\(TensorName(key).escaped)\""
  }
  let files = averaged.count == 1 ? TensorName(first.label).escaped : "\(averaged.count) files"
  let raw = choice.passedOver.map(quoted).joined(separator: ", ")
  console.notice("\(files): averaged weights \(quoted(choice.key)) taken, not \(raw); --key takes others")
}
