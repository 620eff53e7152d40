import Averaging
import Checkpoint

/// One way to make a single model of a run's checkpoints.
///
/// ```swift
/// let candidate = Candidate.mean(last: 5)
/// let plan = try candidate.plan(series, timeline)
/// print(candidate.title(names: timeline.names), plan.combination.contributors)
/// ```
public enum Candidate: Sendable, Hashable {
  /// A single checkpoint, by its place in the series.
  case checkpoint(Int)
  /// The mean of the last checkpoints.
  case mean(last: Int)
  /// The exponential moving average over the whole series, by the half-life of a weight in checkpoints.
  case movingAverage(halfLife: Double)
  /// The mean of the last checkpoints whose weights replace a decay of the learning rate.
  case schedule(MergingSchedule.Curve, last: Int)
  /// The mean of some checkpoints, by their places, ascending, as a greedy soup selects them.
  case soup([Int])

  /// The places of the checkpoints that may have a part in it, ascending.
  ///
  /// - Parameter count: Number of checkpoints in the series.
  public func members(of count: Int) -> [Int] {
    switch self {
    case .checkpoint(let place): [place]
    case .mean(let last), .schedule(_, let last): Array(max(0, count - last)..<count)
    case .movingAverage: Array(0..<count)
    case .soup(let places): places
    }
  }

  /// The plan of its weights over the whole series: tensor by tensor what averaging its members alone gives.
  ///
  /// - Parameters:
  ///   - series: The checkpoints.
  ///   - timeline: Names of the same checkpoints.
  /// - Throws: `AveragingError`.
  public func plan(_ series: Series, _ timeline: Timeline) throws -> AveragingPlan {
    try AveragingPlan(series, combination(of: series, timeline))
  }

  private func combination(of series: Series, _ timeline: Timeline) throws -> Combination {
    let count = timeline.count
    switch self {
    case .checkpoint, .mean, .soup:
      // A file of several models counts as many where it comes first among the members.
      let members = members(of: count)
      let counts = try Series(members.map { series.members[$0].source }).modelCounts
      var weights = [Double](repeating: 0, count: count)
      for (member, models) in zip(members, counts) { weights[member] = models }
      return .linear(LinearCombination(weights: weights, divisor: counts.reduce(0, +)))
    case .movingAverage(let halfLife):
      return try ExponentialMovingAverage(decay: ExponentialMovingAverage.decay(halfLife: halfLife))
        .combination(of: timeline)
    case .schedule(let curve, let last):
      return try MergingSchedule(curve).combination(of: timeline.suffix(last)).shifted(by: count - last)
    }
  }

  /// The candidate in a few words.
  ///
  /// - Parameter names: Names of the checkpoints of the series, as short as tells them apart.
  public func title(names: [String]) -> String {
    switch self {
    case .checkpoint(let place): names[place]
    case .mean(let last): "mean of the last \(last)"
    case .movingAverage(let halfLife): "EMA, half-life \(Self.text(halfLife))"
    case .schedule(let curve, let last): "\(curve.rawValue) schedule over the last \(last)"
    case .soup(let places): "soup of \(places.count): \(places.map { names[$0] }.joined(separator: ", "))"
    }
  }

  /// The name of the candidate in states and reports: `checkpoint:9`, `mean:5`, `ema:2`, `schedule:cosine:5`, `soup:3,7`.
  public var key: String {
    switch self {
    case .checkpoint(let place): "checkpoint:\(place)"
    case .mean(let last): "mean:\(last)"
    case .movingAverage(let halfLife): "ema:\(Self.text(halfLife))"
    case .schedule(let curve, let last): "schedule:\(curve.rawValue):\(last)"
    case .soup(let places): "soup:" + places.map(String.init).joined(separator: ",")
    }
  }

  static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
