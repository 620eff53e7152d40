import Checkpoint
import Platform

/// Reasons that a sweep could not choose or its parts could not be merged.
public enum SweepError: ClassifiedError, Equatable {
  /// Too few images to choose and to score on.
  case tooFewImages(count: Int, needed: Int)
  /// A part, given by name, does not belong to this sweep or cannot be merged with the others; and the
  /// reason.
  case badPart(String, String)
  /// No setting is within the budget; `cheapest` is in the budget's unit.
  case beyondBudget(Budget, cheapest: Double)

  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .tooFewImages(let count, let needed):
      "\(count) image\(count == 1 ? " is" : "s are") too few to choose and to score on: at least \(needed) needed"
    case .badPart(let name, let problem): name.isEmpty ? problem : "\(escape(name)): \(problem)"
    case .beyondBudget(let budget, let cheapest):
      "no setting costs at most \(budget.description); the cheapest measured on all images costs \(budget.text(cheapest))"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }
