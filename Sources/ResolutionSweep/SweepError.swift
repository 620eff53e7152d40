/// Why a sweep could not be done.
public enum SweepError: Error, Equatable, CustomStringConvertible {
  case tooFewImages(count: Int, needed: Int)

  public var description: String {
    switch self {
    case .tooFewImages(let count, let needed):
      "\(count) images are too few to choose and to score on: at least \(needed) needed"
    }
  }
}
