/// The steps of a combination with a nonzero weight.
struct ActiveSteps {
  private(set) var inputs: [Int] = []
  private(set) var steps: [LinearCombination.Step] = []
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
