import Evaluation
import Statistics

/// One setting's row of a report.
public struct SweepRow: Sendable {
  /// The setting measured.
  public var setting: Setting
  /// Name of the checkpoint, when the sweep has several.
  public var checkpoint: String?
  /// Share of images with the true class ranked first.
  public var top1: Proportion
  /// Share of images with the true class among the top five.
  public var top5: Proportion
  /// Mean cross-entropy in nats.
  public var loss: Double
  /// Expected calibration error over 15 bins.
  public var calibrationError: Double
  /// Multiply-adds per image.
  public var multiplyAdds: Int
  /// Images per second of the forward passes alone; depends on the machine.
  public var imagesPerSecond: Double
  /// True if the choosing images cannot distinguish the setting from the best.
  public var isIndistinguishable = false
  /// Interval of the distance to the best, in units of the metric: simultaneous over its rivals, on the
  /// choosing images. Nil for settings that could not be chosen.
  public var deficit: ClosedRange<Double>?
  /// True if no other setting is at least as accurate and as cheap, and better in one of the two.
  public var isParetoOptimal = false

  package init(
    setting: Setting, checkpoint: String?, outcomes: SettingOutcomes, multiplyAdds: Int, seconds: Double
  ) {
    self.setting = setting
    self.checkpoint = checkpoint
    top1 = outcomes.accuracy(top: 1)
    top5 = outcomes.accuracy(top: 5)
    loss = outcomes.meanLoss
    calibrationError = outcomes.calibrationError
    self.multiplyAdds = multiplyAdds
    imagesPerSecond = seconds > 0 ? Double(outcomes.count) / seconds : 0
  }
}
