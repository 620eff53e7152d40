import ArgumentParser
import Checkpoint
import Command
import FineTuning

/// Options of the loss.
struct LossOptions: ParsableArguments {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case ce, bce, focal, dice, jaccard
    case bceDice = "bce-dice"
  }

  @Option(help: ArgumentHelp("Loss function.", valueName: "name"))
  var loss = Kind.ce

  @Option(help: ArgumentHelp("Share of the target spread over all classes (ce, bce).", valueName: "e"))
  var labelSmoothing = 0.0

  @Option(
    help: ArgumentHelp("Weight of every class (ce, bce, focal).", valueName: "w,w…"),
    transform: parseWeights)
  var classWeights: [Double]?

  @Option(help: ArgumentHelp("Focusing exponent of the focal loss.", valueName: "x"))
  var focalGamma = 2.0

  func validate() throws {
    try OptionBounds.check(["--label-smoothing": labelSmoothing], .shareBelowOne)
    try OptionBounds.check(["--focal-gamma": focalGamma], .notNegative)
    if labelSmoothing > 0 && loss != .ce && loss != .bce {
      throw ValidationError("--label-smoothing goes with --loss ce or bce")
    }
    if classWeights != nil && ![.ce, .bce, .focal].contains(loss) {
      throw ValidationError("--class-weights goes with --loss ce, bce or focal")
    }
  }

  /// The loss on the labels.
  func makeLoss(classes: Int) throws -> any ClassificationLoss {
    if let classWeights, classWeights.count != classes {
      throw Failure(
        .usage, "--class-weights: expected \(classes) numbers, one per class, found \(classWeights.count)")
    }
    return switch loss {
    case .ce: CrossEntropy(labelSmoothing: labelSmoothing, classWeights: classWeights)
    case .bce: BinaryCrossEntropy(labelSmoothing: labelSmoothing, classWeights: classWeights)
    case .focal: FocalLoss(gamma: focalGamma, classWeights: classWeights)
    case .dice: OverlapLoss(.dice)
    case .jaccard: OverlapLoss(.jaccard)
    case .bceDice: LossSum(BinaryCrossEntropy(), OverlapLoss(.dice))
    }
  }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = [("loss", .string(loss.rawValue))]
    if labelSmoothing > 0 { entries.append(("label_smoothing", JSON(labelSmoothing))) }
    if let classWeights { entries.append(("class_weights", .array(classWeights.map { JSON($0) }))) }
    if loss == .focal { entries.append(("focal_gamma", JSON(focalGamma))) }
    return entries
  }
}

private func parseWeights(_ argument: String) throws -> [Double] {
  try argument.split(separator: ",", omittingEmptySubsequences: false).map { field in
    guard let value = Double(field), value >= 0, value.isFinite else {
      throw ValidationError("numbers from 0 separated by commas")
    }
    return value
  }
}
