import Evaluation
import Statistics

extension SweepReport {
  /// The choice and how good it is.
  public struct Verdict: Sendable, Equatable {
    /// Which images chose and which scored.
    public var method: SelectionMethod
    /// What the settings were compared by.
    public var metric: Metric
    /// Which of several good settings was taken.
    public var preference: Preference
    /// Index of the chosen row.
    public var chosen: Int
    /// Number of images that chose.
    public var selectingCount: Int
    /// Number of images that scored.
    public var scoringCount: Int
    /// Share of the scoring images whose class was the first.
    public var top1: Double
    /// Share of the scoring images whose class was among the five best.
    public var top5: Double
    /// Mean cross-entropy of the scoring images in nats.
    public var loss: Double
    /// How much the best measured score flatters, in units of the metric; nil where there is too little to tell:
    /// a single image, or a race that dropped settings.
    public var optimism: Double?
    /// The chosen setting on another data set.
    public var confirmation: Confirmation?
  }

  /// The chosen setting measured on a data set that had no part in the choice.
  public struct Confirmation: Sendable, Equatable {
    /// The data set's name.
    public var dataset: String
    /// Images whose class was the first.
    public var top1: Proportion
    /// Images whose class was among the five best.
    public var top5: Proportion
    /// Mean cross-entropy in nats.
    public var loss: Double

    /// - Parameters:
    ///   - dataset: the data set's name.
    ///   - outcomes: the chosen setting's outcomes on it.
    public init(dataset: String, outcomes: SettingOutcomes) {
      self.dataset = dataset
      top1 = outcomes.accuracy(top: 1)
      top5 = outcomes.accuracy(top: 5)
      loss = outcomes.meanLoss
    }
  }
}
