import Checkpoint
import Platform
import ResolutionSweep
import Statistics

extension SweepReport.Verdict {
  /// The score and what it is worth, in words.
  ///
  /// - Parameter isChoice: whether there was anything to choose from.
  func summary(isChoice: Bool) -> String {
    let images = "\(scoringCount) image\(scoringCount == 1 ? "" : "s")"
    guard isChoice else { return "top-1 \(percent(top1)) on \(images)" }
    switch method {
    case .none:
      return "top-1 \(percent(top1)) on the \(images) that also chose it, "
        + (optimism.map { "too good by \(amount($0))" }
          ?? "too good by an unknown amount (--select half scores other images)")
    case .half:
      return "top-1 \(percent(top1)) on \(images) that had no part in the choice"
        + (optimism.map { "; the best of the other half is too good by \(amount($0))" } ?? "")
    case .folds(let count):
      return "choosing this way scores top-1 \(percent(top1)) on images left out of the choice "
        + "(\(count) parts in turn, \(images))"
        + (optimism.map { "; the best as measured is too good by \(amount($0))" } ?? "")
    }
  }

  /// The confirmation in words; nil without one.
  var confirmationSummary: String? {
    guard let confirmation else { return nil }
    let interval = confirmation.top1.wilsonInterval()
    return
      "confirmed on \(TensorName(confirmation.dataset).escaped): top-1 \(percent(confirmation.top1.value)) "
      + "(95 %: \(percent(interval.lowerBound)) to \(percent(interval.upperBound))) "
      + "of \(confirmation.top1.count) images"
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("method", .string(method.name)), ("metric", .string(metric.rawValue)),
      ("prefer", .string(preference.rawValue)), ("row", JSON(chosen)),
      ("n_selecting", JSON(selectingCount)), ("n", JSON(scoringCount)), ("top1", JSON(top1)),
      ("top5", JSON(top5)), ("loss", JSON(loss)), ("optimism", optimism.map { JSON($0) } ?? .null),
    ]
    if let confirmation { members.append(("confirmation", confirmation.json)) }
    return .object(members)
  }

  private func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

  private func amount(_ value: Double) -> String {
    if metric == .loss {
      return value < 0.00005 ? "less than 0.0001 nats" : String(format: "about %.4f nats", value)
    }
    return value < 0.00005 ? "less than 0.01 points" : String(format: "about %.2f points", 100 * value)
  }
}

extension SweepReport.Confirmation {
  var json: JSON { json(data: dataset) }

  /// - Parameter data: what to call the data set.
  func json(data: String) -> JSON {
    .object([
      ("data", .string(data)), ("n", JSON(top1.count)), ("top1", JSON(top1.value)),
      ("top5", JSON(top5.value)), ("loss", JSON(loss)),
    ])
  }
}
