import Checkpoint

/// Properties shared by all pieces of one tensor.
struct TensorWork {
  /// The sums of one plan.
  struct Sum {
    let plan: Int
    let steps: ActiveSteps
    /// State that the sum continues from; nil for a new one.
    let state: AveragingState?
  }

  let entry: AveragingPlan.Entry
  /// The plans that combine linearly.
  let sums: [Sum]
  /// The plans with another statistic.
  let others: [(plan: Int, combination: Combination)]
  /// The checkpoints that the sums need, ascending.
  let needed: [Int]
  /// Reader of the tensor for each of them.
  let readers: [TensorReader]

  /// True if results follow from one read of the inputs, with no need to keep the sums.
  let isPlain: Bool

  /// The data of the checkpoints that a sum needs, from those of all `needed` checkpoints.
  func slots(of sum: Sum, _ pointers: [UnsafeRawPointer?]) -> [UnsafeRawPointer?] {
    let inputs = sum.steps.inputs
    return inputs.count == needed.count ? pointers : inputs.map { pointers[needed.firstIndex(of: $0)!] }
  }

  init(_ plans: [AveragingPlan], entry index: Int) {
    let series = plans[0].series
    let entry = plans[0].entries[index]
    self.entry = entry
    var sums: [Sum] = []
    var others: [(plan: Int, combination: Combination)] = []
    for (number, plan) in plans.enumerated() {
      let operation = plan.entries[index].operation
      switch operation {
      case .combine(.linear):
        let steps = ActiveSteps(operation, inputs: series.members.count)
        sums.append(Sum(plan: number, steps: steps, state: plan.state))
      case .convert:
        let steps = ActiveSteps(operation, inputs: series.members.count)
        sums.append(Sum(plan: number, steps: steps, state: nil))
      case .combine(let combination): others.append((number, combination))
      case .copy, .scales, .keep: break
      }
    }
    self.sums = sums
    self.others = others
    isPlain =
      entry.quantization == nil && !entry.isVariance
      && sums.allSatisfy { $0.state == nil && !$0.steps.inputs.isEmpty }
    needed = sums.count == 1 ? sums[0].steps.inputs : Set(sums.flatMap(\.steps.inputs)).sorted()
    readers = series.readers(of: entry.input.name, in: needed)
  }
}
