/// A checkpoint file's own statements besides its tensors and metadata.
public struct CheckpointOrigin: Sendable {
  /// The state dict that was taken from a file that may hold several; nil for formats without levels.
  public var stateDict: StateDictChoice?
  /// Prefix that wrappers had put before every name and that was removed, such as `module.`.
  public var wrapper = ""
  /// Number of models that a PyTorch `AveragedModel` says it is the average of (`n_averaged`); nil for other files.
  public var averagedModelCount: Double?
  /// Groups of tensors that share their data, so that a change of one changes the others.
  public var tiedTensors: [[TensorName]] = []
  /// Network and images as the file or the `config.json` next to it describe them.
  public var model: RecordedModel?
  /// The `config.json` of a model folder.
  public var configuration: ModelConfiguration?

  /// - Parameter tiedTensors: Groups of tensors that share their data.
  public init(tiedTensors: [[TensorName]] = []) { self.tiedTensors = tiedTensors }
}

/// The state dict that was taken from a file that may hold several.
public struct StateDictChoice: Sendable, Equatable {
  /// Why it was taken.
  public enum Reason: Sendable, Equatable {
    /// It was asked for.
    case requested
    /// There is no other.
    case only
    /// It holds the averaged weights of the training run.
    case averaged
  }

  /// Where it stood, levels separated by `/`; empty for the top level.
  public var key: String
  /// Why it was taken.
  public var reason: Reason
  /// True if it holds averaged weights, as far as the file records it.
  public var isAverage: Bool
  /// Raw weights of the same run that were not taken.
  public var passedOver: [String]
}
