/// What a sweep found, ready to be written as table, TSV or JSON.
public struct SweepReport: Sendable {
  /// The data set's name.
  public var dataset: String
  /// One row per setting, in the sweep's order.
  public var rows: [SweepRow]
  /// The choice.
  public var verdict: Verdict

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
    /// How much the best measured score flatters, in units of the metric.
    public var optimism: Double
  }

  init(dataset: String, rows: [SweepRow], verdict: Verdict) {
    self.dataset = dataset
    self.rows = rows
    self.verdict = verdict
  }

  /// Chooses among what a sweep measured.
  ///
  /// - Parameters:
  ///   - sweep: all settings measured; those that a race dropped on fewer images.
  ///   - finalists: indices of the settings that may be chosen: measured on all images.
  ///   - dataset: the data set's name.
  ///   - checkpoints: names of the sweep's networks, shown when there are several.
  /// - Throws: `SweepError.tooFewImages`; errors of computing the cost.
  public init(
    _ sweep: Sweep, finalists: [Int], dataset: String, checkpoints: [String], method: SelectionMethod,
    rule: SelectionRule, metric: Metric, seed: UInt64
  ) throws {
    let costs = try sweep.multiplyAdds()
    let finals = finalists.map { sweep.outcomes[$0] }
    let selection = try Selection(
      metric.matrix(finals), costs: finalists.map { Double(costs[$0]) }, method: method, rule: rule,
      seed: seed)
    let scoring = { (metric: Metric) in abs(selection.score(metric.matrix(finals))) }
    self.dataset = dataset
    verdict = Verdict(
      method: method, metric: metric, preference: rule.preference, chosen: finalists[selection.chosen],
      selectingCount: selection.selectingImages.count, scoringCount: selection.scoringImages.count,
      top1: scoring(.top1), top5: scoring(.top5), loss: scoring(.loss), optimism: selection.optimism)
    let members = Set(selection.confidenceSet.members.map { finalists[$0] })
    rows = sweep.settings.indices.map { index in
      let setting = sweep.settings[index]
      return SweepRow(
        setting: setting,
        checkpoint: checkpoints.count > 1
          ? setting.networks.map { checkpoints[$0] }.joined(separator: " + ") : nil,
        outcomes: sweep.outcomes[index], multiplyAdds: costs[index], seconds: sweep.seconds[index],
        isIndistinguishable: members.contains(index))
    }
  }
}
