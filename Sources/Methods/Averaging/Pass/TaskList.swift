import Checkpoint

/// The work of a pass divided into pieces of bounded size, in the order of the output.
///
/// Pieces follow from the tensors alone, never from the number of threads. They are described by runs, so
/// that the list stays small for any model: large tensors are cut into slices, small neighbors share one
/// piece.
struct TaskList {
  /// Some elements of one tensor.
  struct Segment: Equatable {
    let entry: Int
    let elements: Range<Int>
  }

  private struct Run {
    let firstTask: Int
    let entries: Range<Int>
    /// Elements per task of a run that is one tensor; nil for neighbors that share a task.
    let slice: Int?
  }

  private var runs: [Run] = []
  private let counts: [Int]
  let count: Int

  /// - Parameters:
  ///   - elementBytes: Size of an element of every tensor, the larger of input and output.
  ///   - bytes: Largest size of a piece.
  init(elementCounts: [Int], elementBytes: [Int], bytes: Int) {
    counts = elementCounts
    var tasks = 0
    var packStart = 0
    var packBytes = 0
    func closePack(before entry: Int, _ runs: inout [Run]) {
      if packStart < entry {
        runs.append(Run(firstTask: tasks, entries: packStart..<entry, slice: nil))
        tasks += 1
      }
    }
    for entry in elementCounts.indices {
      let size = elementCounts[entry] * elementBytes[entry]
      if size > bytes {
        closePack(before: entry, &runs)
        let slice = max(1, bytes / elementBytes[entry])
        runs.append(Run(firstTask: tasks, entries: entry..<entry + 1, slice: slice))
        tasks += (elementCounts[entry] + slice - 1) / slice
        packStart = entry + 1
        packBytes = 0
      } else {
        if packBytes + size > bytes {
          closePack(before: entry, &runs)
          packStart = entry
          packBytes = 0
        }
        packBytes += size
      }
    }
    closePack(before: elementCounts.count, &runs)
    count = tasks
  }

  /// The segments of a piece.
  subscript(task: Int) -> [Segment] {
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].firstTask <= task { low = middle } else { high = middle }
    }
    let run = runs[low]
    guard let slice = run.slice else {
      return run.entries.filter { counts[$0] > 0 }.map { Segment(entry: $0, elements: 0..<counts[$0]) }
    }
    let start = (task - run.firstTask) * slice
    let entry = run.entries.lowerBound
    return [Segment(entry: entry, elements: start..<min(start + slice, counts[entry]))]
  }
}

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

/// The steps of a combination with a nonzero weight.
struct ActiveSteps {
  private(set) var inputs: [Int] = []
  private(set) var steps: [LinearCombination.Update] = []
  private(set) var divisor: Double

  init(_ operation: AveragingPlan.Operation, inputs count: Int) {
    switch operation {
    case .copy(let input), .convert(let input): self.init(.only(input, of: count))
    case .combine(.linear(let linear)): self.init(linear)
    case .combine, .scales, .keep: preconditionFailure("only sums have steps")
    }
  }

  private init(_ linear: LinearCombination) {
    divisor = linear.divisor
    var pending = 1.0
    for (input, step) in linear.steps.enumerated() {
      pending *= step.keep
      guard step.add != 0 else { continue }
      inputs.append(input)
      steps.append(.init(keep: pending, add: step.add))
      pending = 1
    }
    divisor /= pending
  }
}
