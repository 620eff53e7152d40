import Platform

/// Averaging of the tuned weights over the run. The average is measured and returned; BatchNorm's running
/// statistics are not averaged. Those of the last BatchNorm alone do not depend on the trained parameters; behind a cut
/// they do, and are recomputed for the average.
public enum WeightAveraging: Sendable, Equatable {
  /// No average.
  case none
  /// average ← decay·average + (1 − decay)·weights after every `every` steps, from the initial weights on.
  case ema(decay: Double, every: Int)
  /// Equal mean of the weights at the end of each epoch from epoch `from`, counted from 1 (Izmailov et al.
  /// 2018).
  case swa(from: Int)

  /// Weight that the initial weights have in the average after `steps` steps.
  public func initialShare(steps: Int) -> Double {
    guard case .ema(let decay, let every) = self else { return 0 }
    return pow(decay, Double(steps / every))
  }

  /// Weight that the newest weights have in the average; nil for an equal mean, which depends on their number.
  public var newestShare: Double? {
    guard case .ema(let decay, _) = self else { return nil }
    return 1 - decay
  }

  func validate() throws {
    switch self {
    case .none: break
    case .ema(let decay, let every):
      if !(0..<1).contains(decay) {
        throw TuningError.invalidOption(
          what: "EMA decay", value: "\(decay)", expected: "a number from 0 to below 1")
      }
      if every < 1 {
        throw TuningError.invalidOption(
          what: "steps between EMA updates", value: "\(every)", expected: "a number above zero")
      }
    case .swa(let from):
      if from < 1 {
        throw TuningError.invalidOption(
          what: "first averaged epoch", value: "\(from)", expected: "a number above zero")
      }
    }
  }
}

/// The running average itself, in float64.
struct WeightAverage: Sendable, Equatable {
  private(set) var values: [[Double]]
  /// Number of weights averaged so far.
  private(set) var count: Int

  init(_ parameters: [TrainableParameter], count: Int) {
    values = parameters.map { $0.value.values.map(Double.init) }
    self.count = count
  }

  /// The state of an earlier run.
  init(values: [[Double]], count: Int) {
    self.values = values
    self.count = count
  }

  /// Moves the average toward the weights by `share`; nil for the share that makes it their equal mean.
  mutating func add(_ parameters: [TrainableParameter], share: Double? = nil, pool: ThreadPool) {
    count += 1
    let share = share ?? 1 / Double(count)
    for (index, parameter) in parameters.enumerated() {
      let w = parameter.value.pointer
      values[index].withUnsafeMutableBufferPointer { average in
        pool.forEachRange(of: average.count, length: 1 << 15) { range in
          for i in range { average[i] += share * (Double(w[i]) - average[i]) }
        }
      }
    }
  }
}
