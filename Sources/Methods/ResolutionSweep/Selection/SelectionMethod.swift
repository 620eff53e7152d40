/// Division of the images into those that choose the setting and those that score it.
public enum SelectionMethod: Sendable, Equatable {
  /// All images choose, and the same images score: the score is too high by the optimism.
  case none
  /// One random half chooses, the other half scores.
  case half
  /// All images choose; the score is that of choosing on `k` − 1 parts and scoring on the remaining one, each
  /// in turn (nested cross-validation: Varma and Simon 2006, "Bias in error estimation when using
  /// cross-validation").
  case folds(Int)

  /// Parses `none`, `half` or `kfold:K` with K from 2.
  public init?(_ text: some StringProtocol) {
    switch text {
    case "none": self = .none
    case "half": self = .half
    default:
      guard text.hasPrefix("kfold:"), let folds = Int(text.dropFirst(6)), (2...1_000_000).contains(folds)
      else { return nil }
      self = .folds(folds)
    }
  }

  /// The text that parses to this method.
  public var name: String {
    switch self {
    case .none: "none"
    case .half: "half"
    case .folds(let count): "kfold:\(count)"
    }
  }
}
