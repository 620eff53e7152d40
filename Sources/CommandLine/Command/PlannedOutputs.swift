import Checkpoint

/// The outputs of a run, tried before its work: whoever waits an hour for a report does not want to hear then that its
/// folder is missing.
package struct PlannedOutputs {
  private struct Output {
    var option: String
    var destination: OutputDestination
    var isFolder: Bool
  }

  private var outputs: [Output] = []

  package init() {}

  /// Adds an output; nil stands for an option that was not given.
  ///
  /// - Parameters:
  ///   - option: The option as the user writes it, in messages.
  ///   - path: Its argument, `-` for standard output.
  ///   - isFolder: Whether a folder of files is written.
  package mutating func add(_ option: String, _ path: String?, isFolder: Bool = false) {
    guard let path else { return }
    outputs.append(Output(option: option, destination: OutputDestination(argument: path), isFolder: isFolder))
  }

  /// - Throws: `Failure` with status 64 when two outputs are one file, however it is named, `CheckpointError` when one cannot
  ///   be created.
  package func check() throws {
    var known: [OutputIdentity: Output] = [:]
    for output in outputs {
      guard let identity = try output.destination.identity() else { continue }
      if let other = known.updateValue(output, forKey: identity) {
        let name = TensorName(output.destination.label).escaped
        throw Failure(
          .usage,
          other.option == output.option
            ? "two outputs of \(output.option) are the same file: \(name)"
            : "\(other.option) and \(output.option) name the same file: \(name)")
      }
    }
    for output in outputs { try output.destination.tryToCreate(isFolder: output.isFolder) }
  }
}
