import Checkpoint

/// What is the same for all pieces of one tensor.
struct TensorWork {
  /// The sums of one plan.
  struct Sum {
    let plan: Int
    let steps: ActiveSteps
    /// Where the sum goes on from; nil when it begins.
    let state: AveragingState?
  }

  let entry: AveragingPlan.Entry
  /// The plans that combine linearly.
  let sums: [Sum]
  /// The plans with another statistic.
  let others: [(plan: Int, combination: Combination)]
  /// The checkpoints that the sums need, ascending.
  let needed: [Int]
  /// What reads the tensor from each of them.
  let readers: [TensorReader]

  /// Whether results follow from the inputs of one go alone, whatever the sums are on the way.
  let isPlain: Bool

  /// What a sum needs of the data of all `needed` checkpoints.
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
