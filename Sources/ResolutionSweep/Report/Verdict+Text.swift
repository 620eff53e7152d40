import Checkpoint
import Foundation

extension SweepReport.Verdict {
  /// The score and what it is worth, in words.
  ///
  /// - Parameter isChoice: whether there was anything to choose from.
  func summary(isChoice: Bool) -> String {
    guard isChoice else { return "top-1 \(percent(top1)) on \(scoringCount) images" }
    let score = "top-1 \(percent(top1)) on"
    switch method {
    case .none:
      return
        "\(score) the \(scoringCount) images that also chose it, too good by about \(amount(optimism))"
    case .half:
      return
        "\(score) \(scoringCount) images that had no part in the choice; the best of the other half is too good by about \(amount(optimism))"
    case .folds(let count):
      return
        "choosing this way scores top-1 \(percent(top1)) on images left out of the choice (\(count) parts in turn, \(scoringCount) images); the best as measured is too good by about \(amount(optimism))"
    }
  }

  var json: JSON {
    .object([
      ("method", .string(method.name)), ("metric", .string(metric.rawValue)),
      ("prefer", .string(preference.rawValue)), ("row", JSON(chosen)),
      ("n_selecting", JSON(selectingCount)), ("n", JSON(scoringCount)), ("top1", JSON(top1)),
      ("top5", JSON(top5)), ("loss", JSON(loss)), ("optimism", JSON(optimism)),
    ])
  }

  private func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

  private func amount(_ value: Double) -> String {
    metric == .loss ? String(format: "%.4f nats", value) : String(format: "%.2f points", 100 * value)
  }
}
