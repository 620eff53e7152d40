/// Reduction of a network's last map to the classifier's input.
public enum Pooling: Sendable, Equatable {
  /// The mean of the whole map, as in training.
  case average
  /// timm's test-time pooling with windows of this side length: the average of mean and maximum of the
  /// windows' logits.
  case testTime(window: Int)

  /// `average`, or `test-time:7` with the side length of the windows.
  public var name: String {
    switch self {
    case .average: "average"
    case .testTime(let window): "test-time:\(window)"
    }
  }

  package init?(name: String) {
    if name == "average" {
      self = .average
    } else if name.hasPrefix("test-time:"), let window = Int(name.dropFirst(10)), window >= 1 {
      self = .testTime(window: window)
    } else {
      return nil
    }
  }
}
