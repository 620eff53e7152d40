import ResolutionSweep
import Statistics

/// A race of entrants that may also be taken out for their cost, with a record of who left when.
///
/// A candidate that is worse beyond doubt leaves as soon as that shows (`Race`). Blocks of images are seen once, with the
/// statistics of their round; the entrants that stay are then measured again with the final ones.
public struct SearchRace: Sendable {
  /// Reason for leaving.
  public enum Reason: String, Sendable {
    /// Worse than others beyond doubt.
    case worse
    /// Not among the best that the budget had room for.
    case budget
    /// Not among the few best that go into the final.
    case rank
  }

  /// An entrant that has left.
  public struct Elimination: Sendable, Equatable {
    /// Its number.
    public let entrant: Int
    /// Images that it had seen.
    public let imagesSeen: Int
    /// Reason for leaving.
    public let reason: Reason
  }

  private var race: Race
  private var correctCount: [Int]
  private var seenCount: [Int]
  /// Entrants that have left, in that order.
  public private(set) var eliminations: [Elimination] = []

  /// - Parameters:
  ///   - entrantCount: Number of entrants, at least 1.
  ///   - imageCount: Number of choosing images.
  ///   - level: Probability that the most accurate entrant stays.
  public init(entrantCount: Int, imageCount: Int, level: Double) {
    race = Race(settingCount: entrantCount, imageCount: imageCount, level: level)
    correctCount = Array(repeating: 0, count: entrantCount)
    seenCount = correctCount
  }

  /// Number of entrants at the start.
  public var entrantCount: Int { correctCount.count }

  /// Entrants that have not left, ascending.
  public var active: [Int] { race.active }

  /// Right images among those seen.
  public func tally(of entrant: Int) -> Proportion {
    Proportion(successes: correctCount[entrant], count: seenCount[entrant])
  }

  /// The active entrants, the most accurate first, the earlier one among equals.
  public var ranking: [Int] {
    active.sorted { a, b in
      let (first, second) = (tally(of: a).value, tally(of: b).value)
      return first != second ? first > second : a < b
    }
  }

  /// Adds the next images and drops who can no longer win.
  ///
  /// - Parameter correct: For each of `active`, in that order, the correctness of each image.
  public mutating func observe(_ correct: [[Bool]]) {
    for (place, entrant) in active.enumerated() {
      correctCount[entrant] += correct[place].count { $0 }
      seenCount[entrant] += correct[place].count
    }
    for entrant in race.observe(correct) {
      eliminations.append(
        Elimination(entrant: entrant, imagesSeen: seenCount[entrant], reason: .worse))
    }
  }

  /// Keeps the most accurate ones.
  ///
  /// - Parameters:
  ///   - count: Their number; one stays at least.
  ///   - reason: Reason for the others to leave.
  public mutating func keep(best count: Int, _ reason: Reason) {
    let leaving = ranking.dropFirst(max(1, count))
    guard !leaving.isEmpty else { return }
    for entrant in leaving.sorted() {
      eliminations.append(
        Elimination(entrant: entrant, imagesSeen: seenCount[entrant], reason: reason))
    }
    race.withdraw(Array(leaving))
  }
}
