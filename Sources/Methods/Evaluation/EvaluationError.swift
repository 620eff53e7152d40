import Checkpoint
import Platform

/// Reasons that networks could not be measured on images.
public enum EvaluationError: ClassifiedError, Equatable {
  /// The data set has no images.
  case noImages(dataset: String)
  /// An image has no label.
  case unlabelled(dataset: String, item: String)
  /// A label is not below the number of classes.
  case labelOutOfRange(dataset: String, item: String, label: Int, classes: Int)
  /// Two checkpoints have different numbers of classes.
  case unequalClassCounts(Int, Int)
  /// The network's output for an image contains NaN or infinity; `crop` in pixels.
  case notFinite(item: String, crop: Int)
  /// Test-time pooling needs a classifier directly after a global average, which the network does not have.
  case noPooling(architecture: String)

  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .noImages(let dataset): "\(escape(dataset)): no images to measure on"
    case .unlabelled(let dataset, let item):
      "\(escape(dataset)): \"\(escape(item))\" has no label; accuracy needs labelled images"
    case .labelOutOfRange(let dataset, let item, let label, let classes):
      "\(escape(dataset)): label \(label) of \"\(escape(item))\": the network has \(classes) classes, 0 to \(classes - 1)"
    case .unequalClassCounts(let first, let other):
      "checkpoints of \(first) and of \(other) classes cannot be compared on the same data"
    case .notFinite(let item, let crop):
      "NaN or infinity in the network's output for \"\(escape(item))\" at crop \(crop); check the checkpoint's weights and statistics"
    case .noPooling(let architecture):
      "test-time pooling needs a classifier right behind a global average, which \(architecture) has not"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }
