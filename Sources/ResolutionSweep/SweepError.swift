import Checkpoint

/// Why a sweep could not be done.
public enum SweepError: Error, Equatable, CustomStringConvertible {
  /// The data set has no images.
  case noImages(dataset: String)
  /// An image has no label.
  case unlabelled(dataset: String, item: String)
  /// A label is not below the number of classes.
  case labelOutOfRange(dataset: String, item: String, label: Int, classes: Int)
  /// Two checkpoints have different numbers of classes.
  case unequalClassCounts(Int, Int)
  /// The network's output for an image has NaN or infinity; `crop` in pixels.
  case notFinite(item: String, crop: Int)
  /// There are too few images to choose and to score on.
  case tooFewImages(count: Int, needed: Int)
  /// A part, given by name, is no part of this sweep or cannot be put together with the others, and why.
  case badPart(String, String)
  /// No setting is within the budget; `cheapest` is in the budget's unit.
  case beyondBudget(Budget, cheapest: Double)
  /// Test-time pooling needs a classifier right behind a global average, which the network has not.
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
    case .tooFewImages(let count, let needed):
      "\(count) image\(count == 1 ? " is" : "s are") too few to choose and to score on: at least \(needed) needed"
    case .badPart(let name, let problem): name.isEmpty ? problem : "\(escape(name)): \(problem)"
    case .beyondBudget(let budget, let cheapest):
      "no setting costs at most \(budget.description); the cheapest measured on all images costs \(budget.text(cheapest))"
    case .noPooling(let architecture):
      "test-time pooling needs a classifier right behind a global average, which \(architecture) has not"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }
