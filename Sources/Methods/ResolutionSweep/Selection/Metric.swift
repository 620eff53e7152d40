import Evaluation

/// Metric that settings are compared by, oriented so that higher is better.
public enum Metric: String, CaseIterable, Sendable {
  /// Share of images whose label has the highest logit.
  case top1
  /// Share of images whose label is among the five highest logits.
  case top5
  /// Negated mean cross-entropy in nats.
  case loss

  /// The score of every image: 1 or 0, or the negated cross-entropy in nats.
  package func scores(_ outcomes: SettingOutcomes) -> [Double] {
    switch self {
    case .top1: outcomes.correct(top: 1).map { $0 ? 1 : 0 }
    case .top5: outcomes.correct(top: 5).map { $0 ? 1 : 0 }
    case .loss: outcomes.losses.map(-)
    }
  }

  /// The scores of several settings that have seen the same images.
  public func matrix(_ outcomes: [SettingOutcomes]) -> ScoreMatrix {
    ScoreMatrix(columns: outcomes.map(scores))
  }
}
