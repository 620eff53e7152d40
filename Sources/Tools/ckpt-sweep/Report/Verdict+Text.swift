import Checkpoint
import ImageData
import Platform
import ResolutionSweep
import Statistics

extension SweepReport.Verdict {
  /// The score and what it is worth, in words.
  ///
  /// - Parameter isChoice: whether there was anything to choose from.
  func summary(isChoice: Bool) -> String {
    let images = "\(scoringCount) image\(scoringCount == 1 ? "" : "s")"
    guard isChoice else { return "\(score) on \(images)" }
    switch method {
    case .none:
      return "\(score) on the \(images) that also chose it, too good by "
        + (bias ?? "an unknown amount (--select half scores other images)")
    case .half:
      return "\(score) on \(images) that had no part in the choice"
        + (bias.map { "; on those that chose, it would be too good by \($0)" } ?? "")
    case .folds(let count):
      return "choosing this way scores \(score) on images left out of the choice "
        + "(\(count) parts in turn, \(images))"
        + (bias.map { "; on those that chose, it would be too good by \($0)" } ?? "")
    }
  }

  /// Top-1, and the metric of the choice where it is another.
  private var score: String {
    let accuracy = "top-1 \(percent(top1))"
    return switch metric {
    case .top1: accuracy
    case .top5: "\(accuracy), top-5 \(percent(top5))"
    case .loss: accuracy + String(format: ", loss %.4f", loss)
    case .balanced: "\(accuracy), balanced accuracy \(percent(balancedAccuracy))"
    case .macroF1: "\(accuracy), macro F1 \(percent(macroF1))"
    case .brier: accuracy + String(format: ", Brier score %.4f", brierScore)
    }
  }

  /// The optimism of what `score` shows; nil where it is unknown.
  private var bias: String? {
    guard let optimism, let top1Optimism else { return nil }
    return switch metric {
    case .top1: points(top1Optimism)
    case .top5: "\(points(top1Optimism)) in top-1, \(points(optimism)) in top-5"
    case .balanced: "\(points(top1Optimism)) in top-1, \(points(optimism)) in balanced accuracy"
    case .macroF1: "\(points(top1Optimism)) in top-1, \(points(optimism)) in macro F1"
    case .loss: "\(points(top1Optimism)) and \(number(optimism)) nats"
    case .brier: "\(points(top1Optimism)) in top-1, \(number(optimism)) in the Brier score"
    }
  }

  /// The confirmation in words; nil without one.
  var confirmationSummary: String? {
    guard let confirmation else { return nil }
    let choice =
      "confirmed on \(displayName(confirmation.dataset)): top-1 \(percent(confirmation.top1)) "
      + "of \(confirmation.top1.count) images"
    guard let recorded = confirmation.recorded else { return choice }
    let (view, comparison) = (recorded.preprocessing, recorded.comparison)
    let difference = String(
      format: "%+.2f points (95 %%: %+.2f to %+.2f, mid-p %.4f)", 100 * comparison.difference,
      100 * comparison.interval.lowerBound, 100 * comparison.interval.upperBound, comparison.mcNemarMidP)
    return
      "\(choice); recorded resize \(view.resize), crop \(view.crop), \(view.interpolation.rawValue): "
      + "\(percent(recorded.top1)); difference \(difference)"
  }

  /// A share with its interval.
  private func percent(_ share: Proportion) -> String {
    let interval = share.wilsonInterval()
    return "\(percent(share.value)) "
      + "(95 %: \(percent(interval.lowerBound)) to \(percent(interval.upperBound)))"
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("method", .string(method.name)), ("metric", .string(metric.rawValue)),
      ("prefer", .string(preference.rawValue)), ("row", JSON(chosen)),
      ("n_selecting", JSON(selectingCount)), ("n", JSON(scoringCount)), ("top1", JSON(top1)),
      ("top5", JSON(top5)), ("loss", JSON(loss)),
      ("balanced_accuracy", JSON(balancedAccuracy)), ("macro_f1", JSON(macroF1)), ("brier", JSON(brierScore)),
      ("optimism", optimism.map { JSON($0) } ?? .null),
      ("optimism_top1", top1Optimism.map { JSON($0) } ?? .null),
    ]
    if let confirmation { members.append(("confirmation", confirmation.json)) }
    return .object(members)
  }

  private func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

  private func number(_ value: Double) -> String {
    value < 0.00005 ? "less than 0.0001" : String(format: "about %.4f", value)
  }

  private func points(_ share: Double) -> String {
    share < 0.00005 ? "less than 0.01 points" : String(format: "about %.2f points", 100 * share)
  }
}

extension SweepReport.Confirmation {
  var json: JSON { json(data: dataset) }

  /// - Parameter data: what to call the data set.
  func json(data: String) -> JSON {
    var members: [(String, JSON)] = [
      ("data", .string(data)), ("n", JSON(top1.count)), ("top1", JSON(top1.value)),
      ("top1_interval", JSON(top1.wilsonInterval())), ("top5", JSON(top5.value)), ("loss", JSON(loss)),
    ]
    if let recorded {
      let (view, comparison) = (recorded.preprocessing, recorded.comparison)
      members.append(
        (
          "recorded",
          .object([
            ("resize", JSON(view.resize)), ("crop", JSON(view.crop)),
            ("interpolation", .string(view.interpolation.rawValue)), ("top1", JSON(recorded.top1.value)),
            ("top1_interval", JSON(recorded.top1.wilsonInterval())),
            ("difference", JSON(comparison.difference)), ("interval", JSON(comparison.interval)),
            ("mid_p", JSON(comparison.mcNemarMidP)),
          ])
        ))
    }
    return .object(members)
  }
}

extension JSON {
  /// Both ends.
  init(_ range: ClosedRange<Double>) {
    self = .array([JSON(range.lowerBound), JSON(range.upperBound)])
  }
}
