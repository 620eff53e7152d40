import Evaluation
import Platform
import Statistics

/// Results of a sweep, ready to be written as table, TSV or JSON.
public struct SweepReport: Sendable {
  /// The data set's name.
  public var dataset: String
  /// One row per setting, in the sweep's order.
  public var rows: [SweepRow]
  /// The choice.
  public var verdict: Verdict
  /// Names of the networks, as short as tells them apart; empty if unknown.
  public var checkpoints: [String] = []
  /// Architectures of the networks by the names of the libraries; empty if unknown.
  public var architectures: [String] = []
  /// Cost that the Pareto front goes by.
  public var cost: Cost
  /// Number of threads that the latencies were measured with; nil without latencies.
  public var latencyThreads: Int?
  /// Temperature of the chosen setting's logits and its effect; nil if none was fitted.
  public var calibration: TemperatureScaling?
  /// Indices of the networks whose torchvision models transform normalized inputs once more (`transform_input`).
  public var transformsInput: Set<Int> = []

  /// Method of choosing from a sweep.
  public struct Request: Sendable {
    /// Division of the images into choosing and scoring ones.
    public var method: SelectionMethod
    /// Rule for the choice.
    public var rule: SelectionRule
    /// Metric that settings are compared by.
    public var metric: Metric
    /// Highest cost of a setting that may be chosen; nil for no limit.
    public var budget: Budget?
    /// Seed of all random draws.
    public var seed: UInt64

    /// A request with everything given.
    public init(
      method: SelectionMethod, rule: SelectionRule, metric: Metric = .top1, budget: Budget? = nil,
      seed: UInt64 = 0
    ) {
      self.method = method
      self.rule = rule
      self.metric = metric
      self.budget = budget
      self.seed = seed
    }
  }

  package init(dataset: String, rows: [SweepRow], verdict: Verdict, cost: Cost = .multiplyAdds) {
    self.dataset = dataset
    self.rows = rows
    self.verdict = verdict
    self.cost = cost
  }

  /// Chooses among measured settings.
  ///
  /// ```swift
  /// let request = SweepReport.Request(method: .half, rule: SelectionRule(preference: .accuracy))
  /// let report = try SweepReport(
  ///   evaluator.measurements, dataset: dataset.name, checkpoints: ["model.safetensors"], request: request)
  /// print(report.rows[report.verdict.chosen].setting, report.verdict.top1)
  /// ```
  ///
  /// - Parameters:
  ///   - measured: all settings; those that a race dropped have seen fewer images.
  ///   - isShuffled: true if the images were visited in random order.
  ///   - latencies: measured latency of every setting, which a budget in milliseconds needs; the Pareto front then goes
  ///   by it. Ties and preferences go by multiply-adds all the same, so that a choice can be repeated.
  ///   - dataset: the data set's name.
  ///   - checkpoints: names of the sweep's networks, shown when there are several.
  ///   - request: method of choosing.
  /// - Throws: `SweepError.tooFewImages`, `.beyondBudget`.
  public init(
    _ measured: Measurements, isShuffled: Bool = false, latencies: [Latency]? = nil, dataset: String,
    checkpoints: [String], request: Request
  ) throws {
    precondition(latencies.map { $0.count == measured.settings.count } ?? true)
    precondition(latencies != nil || request.budget?.cost != .milliseconds)
    let costs = measured.multiplyAdds
    let names = distinguishingNames(checkpoints)
    var rows = measured.settings.indices.map { index in
      SweepRow(
        setting: measured.settings[index],
        checkpoint: names.count > 1 ? Self.name(of: measured.settings[index], names) : nil,
        outcomes: measured.outcomes[index], multiplyAdds: costs[index], seconds: measured.seconds[index],
        latency: latencies?[index])
    }
    let finalists = try Self.finalists(rows, of: measured, budget: request.budget)
    let finals = finalists.map { measured.outcomes[$0] }
    let selection = try Selection(
      request.metric.matrix(finals), shown: [Metric.top1.matrix(finals)],
      costs: finalists.map { Double(costs[$0]) }, method: request.method,
      isShuffled: isShuffled, rule: request.rule, seed: request.seed)
    for member in selection.confidenceSet.members { rows[finalists[member]].isIndistinguishable = true }
    for (place, row) in finalists.enumerated() { rows[row].deficit = selection.confidenceSet.deficits[place] }
    let cost = latencies == nil ? Cost.multiplyAdds : .milliseconds
    Self.markParetoFront(&rows, among: measured.complete, by: cost)
    var scored = SettingOutcomes()
    for (image, setting) in zip(selection.scoringImages, selection.scoredSetting) {
      scored.append(finals[setting][image])
    }
    let tally = ClassTally(scored)
    self.dataset = dataset
    self.rows = rows
    self.checkpoints = names
    self.cost = cost
    verdict = Verdict(
      method: request.method, metric: request.metric, preference: request.rule.preference,
      chosen: finalists[selection.chosen], selectingCount: selection.selectingImages.count,
      scoringCount: scored.count, top1: scored.accuracy(top: 1).value, top5: scored.accuracy(top: 5).value,
      loss: scored.meanLoss, balancedAccuracy: tally.balancedAccuracy, macroF1: tally.macroF1,
      brierScore: scored.meanBrierScore,
      // The choice's luck is relative to all settings, of which a race keeps only the last.
      optimism: measured.complete.count < rows.count ? nil : selection.optimism,
      top1Optimism: measured.complete.count < rows.count ? nil : selection.shownOptimism?[0])
  }

  /// Scores every row by reassessed labels.
  ///
  /// - Parameters:
  ///   - measured: the measurements that the report is made of.
  ///   - classes: the classes that each image shows, in the order of its `images`; nil leaves an image out.
  package mutating func score(_ measured: Measurements, by classes: [Set<Int>?]) {
    precondition(classes.count == measured.images.count)
    for index in rows.indices {
      let judged = zip(measured.outcomes[index].predicted, classes).compactMap { predicted, shown in
        shown?.contains(Int(predicted))
      }
      rows[index].real = Proportion(successes: judged.count { $0 }, count: judged.count)
    }
  }

  private static func name(of setting: Setting, _ names: [String]) -> String {
    setting.networks.count == 1 ? names[setting.networks[0]] : "ensemble of \(setting.networks.count)"
  }

  /// The settings that may be chosen: measured on all images and within the budget.
  private static func finalists(_ rows: [SweepRow], of measured: Measurements, budget: Budget?) throws
    -> [Int]
  {
    let complete = measured.complete
    guard let budget else { return complete }
    let affordable = complete.filter { budget.allows(rows[$0]) }
    guard !affordable.isEmpty else {
      let cheapest = complete.map { budget.cost.of(rows[$0]) }.min() ?? 0
      throw SweepError.beyondBudget(budget, cheapest: cheapest)
    }
    return affordable
  }

  /// Settings that a race dropped were measured on other images and compare with nothing.
  private static func markParetoFront(_ rows: inout [SweepRow], among candidates: [Int], by cost: Cost) {
    let front = ResolutionSweep.paretoFront(
      costs: candidates.map { cost.of(rows[$0]) }, values: candidates.map { rows[$0].top1.value })
    for place in front { rows[candidates[place]].isParetoOptimal = true }
  }

  /// Rows that no other is at least as accurate and as cheap as, and better in one of the two; by ascending cost.
  public var paretoFront: [Int] {
    rows.indices.filter { rows[$0].isParetoOptimal }.sorted {
      (cost.of(rows[$0]), $0) < (cost.of(rows[$1]), $1)
    }
  }
}

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
  /// Expected calibration error over 15 bins of equal width.
  public var calibrationError: Double
  /// Expected calibration error over 15 bins of equal numbers of images.
  public var adaptiveCalibrationError: Double
  /// Mean accuracy of the classes.
  public var balancedAccuracy: Double
  /// Mean F1 of the classes.
  public var macroF1: Double
  /// Mean Brier score, from 0 to 2.
  public var brierScore: Double
  /// Share of the images with reassessed labels whose predicted class is among them; nil without such labels.
  public var real: Proportion?
  /// Multiply-adds per image.
  public var multiplyAdds: Int
  /// Images per second of the forward passes alone; depends on the machine.
  public var imagesPerSecond: Double
  /// Time for a single image; nil unless measured.
  public var latency: Latency?
  /// True if the choosing images cannot distinguish the setting from the best.
  public var isIndistinguishable = false
  /// Interval of the distance to the best, in units of the metric: simultaneous over its rivals, on the
  /// choosing images. Nil for settings that could not be chosen.
  public var deficit: ClosedRange<Double>?
  /// True if no other setting is at least as accurate and as cheap, and better in one of the two.
  public var isParetoOptimal = false

  package init(
    setting: Setting, checkpoint: String?, outcomes: SettingOutcomes, multiplyAdds: Int, seconds: Double,
    latency: Latency? = nil
  ) {
    self.setting = setting
    self.checkpoint = checkpoint
    top1 = outcomes.accuracy(top: 1)
    top5 = outcomes.accuracy(top: 5)
    loss = outcomes.meanLoss
    calibrationError = outcomes.calibrationError
    adaptiveCalibrationError = outcomes.adaptiveCalibrationError
    let tally = ClassTally(outcomes)
    balancedAccuracy = tally.balancedAccuracy
    macroF1 = tally.macroF1
    brierScore = outcomes.meanBrierScore
    self.multiplyAdds = multiplyAdds
    imagesPerSecond = seconds > 0 ? Double(outcomes.count) / seconds : 0
    self.latency = latency
  }
}
