import ModelSearch
import Statistics

/// Candidates of known accuracy on images that are drawn: an image is right or wrong to begin with, and each candidate turns
/// it round with a chance of its own.
///
/// Two candidates without a lead are equally good and differ on a share of the images that is the same for all pairs.
final class PlantedWorld: SearchWorld {
  /// Share of images that are right to begin with.
  private static let base = 0.75
  /// Share of images on which two candidates without a lead differ.
  private static let discordance = 0.08

  private let isRight: [Bool]
  private let leads: [Candidate: Double]
  private let seed: UInt64
  private var columns: [Candidate: [Bool]] = [:]
  private(set) var spent = SearchCost()

  private static let flip = (1 - (1 - 2 * discordance).squareRoot()) / 2

  /// - Parameters:
  ///   - leads: Accuracy of a candidate above that of the others, which is 0 unless given.
  ///   - images: Number of validation images.
  ///   - seed: Seed of the images, and of each candidate's luck on them.
  init(leads: [Candidate: Double], images: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed, for: "planted images")
    isRight = (0..<images).map { _ in generator.uniform() < Self.base }
    self.leads = leads
    self.seed = seed
  }

  /// Correctness of a candidate, drawn when it is asked for: nobody knows beforehand which soups a search tries.
  private func column(_ candidate: Candidate) -> [Bool] {
    if let known = columns[candidate] { return known }
    var generator = SeededGenerator(seed: seed, for: "planted \(candidate.key)")
    // A wrong image is turned more often by a candidate with a lead.
    let extra = (leads[candidate] ?? 0) / (1 - Self.base)
    let column = isRight.map { right in
      right != (generator.uniform() < (right ? Self.flip : Self.flip + extra))
    }
    columns[candidate] = column
    return column
  }

  /// Accuracy on infinitely many images.
  static func accuracy(_ candidate: Candidate, leads: [Candidate: Double]) -> Double {
    base * (1 - flip) + (1 - base) * flip + (leads[candidate] ?? 0)
  }

  func multiplyAdds(of entrant: Entrant) -> Int { 1 }

  func isKnown(_ entrant: Entrant, on set: ImageSet, places: Range<Int>, statisticsImages: Int) -> Bool {
    false
  }

  func outcomes(
    of entrants: [Entrant], on set: ImageSet, places: Range<Int>, statisticsImages: Int
  ) -> [EntrantOutcomes] {
    spent.images += entrants.count * places.count
    return entrants.map { entrant in
      let correct = column(entrant.candidate)[places]
      return EntrantOutcomes(
        ranks: correct.map { $0 ? 0 : 1 }, losses: correct.map { $0 ? 0.1 : 2 })
    }
  }
}
