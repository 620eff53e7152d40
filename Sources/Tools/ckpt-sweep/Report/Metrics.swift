import Checkpoint
import Evaluation
import ResolutionSweep
import Statistics

extension SweepReport {
  /// Value of `ckpt.metrics` in the chosen checkpoint: data set, n, top-1, top-5, loss, and by which
  /// selection, since a score on the images that chose is worth less than one on others.
  public var metricsEntry: String {
    var members: [(String, JSON)] = [
      ("data", .string(lastComponents(dataset))), ("n", JSON(verdict.scoringCount)),
      ("top1", JSON(verdict.top1)),
      ("top5", JSON(verdict.top5)), ("loss", JSON(verdict.loss)), ("select", .string(verdict.method.name)),
    ]
    let setting = rows[verdict.chosen].setting
    if setting.views != .center { members.append(("views", .string(setting.views.rawValue))) }
    if setting.pooling != .average { members.append(("pooling", .string(setting.pooling.name))) }
    if let confirmation = verdict.confirmation {
      members.append(("confirmation", confirmation.json(data: lastComponents(confirmation.dataset))))
    }
    return JSON.object(members).encoded()
  }
}
