import Checkpoint
import Platform

/// Reasons that a search could not be made.
public enum SearchError: ClassifiedError, Equatable {
  /// A description of the space is not understood.
  case badSpace(path: String, String)
  /// A state is damaged or of another search.
  case badState(path: String, String)
  /// Too few images to choose and to score on.
  case tooFewImages(count: Int, needed: Int)
  /// States of shards do not make up a search.
  case incompleteStates(String)

  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .badSpace(let path, let reason), .badState(let path, let reason):
      "\(TensorName(path).escaped): \(reason)"
    case .tooFewImages(let count, let needed):
      "\(count) image\(count == 1 ? " is" : "s are") too few to choose and to score on: at least \(needed) needed"
    case .incompleteStates(let reason): reason
    }
  }
}
