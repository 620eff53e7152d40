/// Counts how often a watched loss has stopped falling, like `ReduceLROnPlateau` with its default threshold.
public struct PlateauWatch: Sendable, Equatable {
  let patience: Int
  /// Number of times that the patience has run out.
  public private(set) var reductions = 0
  /// Lowest loss so far.
  public private(set) var best = Double.infinity
  /// Epochs since `best`, or since the patience last ran out.
  public private(set) var badEpochs = 0

  init(patience: Int) { self.patience = patience }

  /// The state of an earlier run.
  public init(patience: Int, reductions: Int, best: Double, badEpochs: Int) {
    self.patience = patience
    self.reductions = reductions
    self.best = best
    self.badEpochs = badEpochs
  }

  /// - Returns: true if `loss` is the lowest by more than a relative 1e-4.
  @discardableResult
  mutating func observe(_ loss: Double) -> Bool {
    let isBest = loss < best * (1 - 1e-4)
    if isBest {
      best = loss
      badEpochs = 0
    } else {
      badEpochs += 1
    }
    if badEpochs > patience {
      reductions += 1
      badEpochs = 0
    }
    return isBest
  }
}
