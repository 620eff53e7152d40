import Checkpoint
import Platform

/// Reasons that a tuning run cannot start or continue.
public enum TuningError: ClassifiedError, Equatable {
  /// No sample to train or evaluate on.
  case empty(what: String)
  /// A label that the classifier has no output for.
  case labelOutOfRange(sample: Int, label: Int, classes: Int)
  /// Arrays of inconsistent lengths.
  case shapeMismatch(what: String, expected: [Int], found: [Int])
  /// An option outside its range, named by `what`.
  case invalidOption(what: String, value: String, expected: String)
  /// A feature that the cache's element type cannot hold.
  case featureOverflow(image: Int, element: FeatureElement)
  /// The features do not fit into memory.
  case outOfMemory(byteCount: Int)
  /// Images of a step whose activations do not fit into memory: bytes needed and available.
  case activationsExceedMemory(images: Int, needed: Int, available: Int)
  /// A cache file that cannot be made or written.
  case cacheFailed(path: String, reason: String)
  /// A network without a BatchNorm that reaches the pooling through a sum and an activation alone.
  case noLastBatchNorm(architecture: String)
  /// A network without a LayerNorm that reaches the classifier through pooling alone.
  case noLastLayerNorm(architecture: String)
  /// A tensor to be tuned that only an ONNX file has, not the checkpoint that will be written.
  case notInCheckpoint(path: String, tensor: TensorName)
  /// A network that does not end in a fully connected layer.
  case noClassifier(architecture: String)
  /// A file that no run can be resumed from, or not this one.
  case foreignState(path: String, reason: String)
  /// A BatchNorm's counter of steps that is no count.
  case badCounter(path: String, tensor: TensorName, found: String)
  /// A batch of one value per channel has no variance.
  case batchWithoutVariance(epoch: Int, step: Int)
  /// The loss or a parameter is no longer a finite number.
  case diverged(epoch: Int, step: Int, loss: Double)
}

extension TuningError {
  /// The class of the failure.
  public var kind: FailureKind {
    switch self {
    case .invalidOption: .usage
    case .outOfMemory, .activationsExceedMemory, .cacheFailed: .io
    default: .badData
    }
  }

  /// One line without the tool's name. Epochs and steps count from 1.
  public var description: String {
    switch self {
    case .empty(let what):
      "no labelled image in \(what)"
    case .labelOutOfRange(let sample, let label, let classes):
      "image \(sample): expected a label from 0 to \(classes - 1), found \(label)"
    case .shapeMismatch(let what, let expected, let found):
      "\(what): expected shape \(expected), found \(found)"
    case .invalidOption(let what, let value, let expected):
      "\(what): expected \(expected), found \(value)"
    case .featureOverflow(let image, let element):
      "image \(image): a feature is too large for \(element.rawValue)"
    case .outOfMemory(let byteCount):
      "no memory for \(byteCount) bytes of features"
    case .activationsExceedMemory(let images, let needed, let available):
      "the activations of \(images) images take \(needed >> 20) MiB, of which there are \(available >> 20)"
    case .cacheFailed(let path, let reason), .foreignState(let path, let reason):
      "\(path): \(reason)"
    case .noLastBatchNorm(let architecture):
      "\(architecture) has no BatchNorm directly before its pooling"
    case .noLastLayerNorm(let architecture):
      "\(architecture) has no LayerNorm directly before its classifier or pooling"
    case .notInCheckpoint(let path, let tensor):
      "\(path): tensor \"\(tensor.escaped)\" is to be tuned but is not in the checkpoint"
    case .noClassifier(let architecture):
      "\(architecture) does not end in a fully connected layer after its pooling, which fine-tuning needs"
    case .badCounter(let path, let tensor, let found):
      "\(path): tensor \"\(tensor.escaped)\": expected one count of steps from 0 to \(BatchNormParameters.countersRange.upperBound), found \(found)"
    case .batchWithoutVariance(let epoch, let step):
      "epoch \(epoch), step \(step): batch statistics need more than one value per channel"
    case .diverged(let epoch, let step, let loss):
      "training diverged at epoch \(epoch), step \(step): loss \(loss.isNaN ? "nan" : "\(loss)")"
    }
  }
}
