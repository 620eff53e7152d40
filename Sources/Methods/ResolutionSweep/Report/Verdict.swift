import Evaluation
import ImageData
import Statistics

extension SweepReport {
  /// The chosen setting and its score.
  public struct Verdict: Sendable, Equatable {
    /// Division of the images into choosing and scoring ones.
    public var method: SelectionMethod
    /// Metric that the settings were compared by.
    public var metric: Metric
    /// Preference among several good settings.
    public var preference: Preference
    /// Index of the chosen row.
    public var chosen: Int
    /// Number of choosing images.
    public var selectingCount: Int
    /// Number of scoring images.
    public var scoringCount: Int
    /// Share of the scoring images with the true class ranked first.
    public var top1: Double
    /// Share of the scoring images with the true class among the top five.
    public var top5: Double
    /// Mean cross-entropy of the scoring images in nats.
    public var loss: Double
    /// Mean accuracy of the classes among the scoring images.
    public var balancedAccuracy: Double
    /// Mean F1 of the classes among the scoring images.
    public var macroF1: Double
    /// Mean Brier score of the scoring images.
    public var brierScore: Double
    /// Optimistic bias of the choice's score on the choosing images, in units of the metric; nil where it cannot be
    /// estimated: a single image, or a race that dropped settings.
    public var optimism: Double?
    /// The same bias of its top-1 accuracy, a fraction of 1.
    public var top1Optimism: Double?
    /// The chosen setting on another data set.
    public var confirmation: Confirmation?
  }

  /// The chosen setting measured on a data set that had no part in the choice.
  public struct Confirmation: Sendable, Equatable {
    /// The data set's name.
    public var dataset: String
    /// Share of images with the true class ranked first.
    public var top1: Proportion
    /// Share of images with the true class among the top five.
    public var top5: Proportion
    /// Mean cross-entropy in nats.
    public var loss: Double
    /// The setting that the checkpoint records, on the same images; nil where it records none or the choice is that.
    public var recorded: Recorded?

    /// The recorded setting on the images of a confirmation.
    public struct Recorded: Sendable, Equatable {
      /// The recorded preprocessing.
      public var preprocessing: Preprocessing
      /// Share of images with the true class ranked first.
      public var top1: Proportion
      /// The choice compared with it, image by image.
      public var comparison: PairedComparison
    }

    /// - Parameters:
    ///   - dataset: the data set's name.
    ///   - outcomes: the chosen setting's outcomes on it.
    ///   - recorded: the recorded preprocessing and its outcomes on the same images.
    public init(
      dataset: String, outcomes: SettingOutcomes,
      recorded: (preprocessing: Preprocessing, outcomes: SettingOutcomes)? = nil
    ) {
      self.dataset = dataset
      top1 = outcomes.accuracy(top: 1)
      top5 = outcomes.accuracy(top: 5)
      loss = outcomes.meanLoss
      self.recorded = recorded.map { recorded in
        Recorded(
          preprocessing: recorded.preprocessing, top1: recorded.outcomes.accuracy(top: 1),
          comparison: PairedComparison(outcomes.correct(), recorded.outcomes.correct()))
      }
    }
  }
}
