import ArgumentParser
import Checkpoint
import Command
import FineTuning

/// The learning rate over the run.
struct ScheduleOptions: ParsableArguments {
  enum ScheduleName: String, ExpressibleByArgument, CaseIterable {
    case constant, step, multistep, exponential, cosine, polynomial, plateau
  }

  @Option(help: ArgumentHelp("Learning rate (default: 1e-3).", valueName: "x"))
  var lr: Double?

  @Option(
    help: ArgumentHelp(
      "Batch size that --lr refers to; the rate is scaled to --batch-size.", valueName: "n"))
  var lrBatch: Int?

  @Option(help: ArgumentHelp("Schedule of the learning rate (default: cosine).", valueName: "name"))
  var schedule: ScheduleName?

  @Option(help: ArgumentHelp("Epochs per step of the step schedule.", valueName: "n"))
  var stepSize = 30

  @Option(
    help: ArgumentHelp("Epochs after which the multistep schedule decays.", valueName: "n,n…"),
    transform: parseEpochs)
  var milestones: [Int]?

  @Option(
    help: ArgumentHelp(
      "Decay factor of step, multistep and plateau (default: 0.1) and of exponential (default: 0.9).",
      valueName: "x"))
  var gamma: Double?

  @Option(help: ArgumentHelp("Exponent of the polynomial schedule.", valueName: "x"))
  var power = 1.0

  @Option(help: ArgumentHelp("Epochs without improvement before plateau decays the rate.", valueName: "n"))
  var plateauPatience = 10

  @Option(help: ArgumentHelp("Epochs of linear warm-up.", valueName: "x"))
  var warmupEpochs = 0.0

  @Option(help: ArgumentHelp("Fraction of the learning rate at the start of the warm-up.", valueName: "x"))
  var warmupFactor = 0.01

  func validate() throws {
    try OptionBounds.check(["--lr-batch": lrBatch, "--step-size": stepSize])
    try OptionBounds.check(["--plateau-patience": plateauPatience], OptionBounds.countsFromZero)
    try OptionBounds.check(["--warmup-epochs": warmupEpochs], .within(0...1e6))
    if schedule == .multistep && milestones == nil {
      throw ValidationError("--schedule multistep needs --milestones")
    }
  }

  /// Sets rate, schedule and warm-up for a run over `samples` samples.
  func apply(to options: inout TuningOptions, samples: Int) throws {
    if let lr { options.learningRate = lr }
    if let lrBatch { options.learningRate *= Double(options.batchSize) / Double(lrBatch) }
    let stepsPerEpoch = (samples + options.batchSize - 1) / options.batchSize
    options.warmUp = WarmUp(
      steps: Int((warmupEpochs * Double(stepsPerEpoch)).rounded()), startFactor: warmupFactor)
    guard let schedule else { return }
    options.schedule =
      switch schedule {
      case .constant: .constant
      case .step: .step(size: stepSize, gamma: gamma ?? 0.1)
      case .multistep: .multiStep(epochs: milestones ?? [], gamma: gamma ?? 0.1)
      case .exponential: .exponential(gamma: gamma ?? 0.9)
      case .cosine: .cosine
      case .polynomial: .polynomial(power: power)
      case .plateau: .plateau(patience: plateauPatience, gamma: gamma ?? 0.1)
      }
  }

  func history(_ options: TuningOptions) -> [(String, JSON)] {
    var entries: [(String, JSON)] = [("lr", JSON(options.learningRate))]
    switch options.schedule {
    case .constant: entries.append(("schedule", .string("constant")))
    case .cosine: entries.append(("schedule", .string("cosine")))
    case .step(let size, let gamma):
      entries += [("schedule", .string("step")), ("step_size", JSON(size)), ("gamma", JSON(gamma))]
    case .multiStep(let epochs, let gamma):
      entries += [
        ("schedule", .string("multistep")), ("milestones", .array(epochs.map { JSON($0) })),
        ("gamma", JSON(gamma)),
      ]
    case .exponential(let gamma):
      entries += [("schedule", .string("exponential")), ("gamma", JSON(gamma))]
    case .polynomial(let power):
      entries += [("schedule", .string("polynomial")), ("power", JSON(power))]
    case .plateau(let patience, let gamma):
      entries += [
        ("schedule", .string("plateau")), ("plateau_patience", JSON(patience)), ("gamma", JSON(gamma)),
      ]
    }
    if warmupEpochs > 0 {
      entries += [("warmup_epochs", JSON(warmupEpochs)), ("warmup_factor", JSON(warmupFactor))]
    }
    return entries
  }
}

private func parseEpochs(_ argument: String) throws -> [Int] {
  try argument.split(separator: ",", omittingEmptySubsequences: false).map { field in
    guard let epoch = Int(field), epoch > 0 else {
      throw ValidationError("numbers above zero separated by commas")
    }
    return epoch
  }
}
