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

  private let validation: [Candidate: [Bool]]
  private(set) var spent = SearchCost()

  /// - Parameters:
  ///   - candidates: Candidates that take part.
  ///   - leads: Accuracy of a candidate above that of the others, which is 0 unless given.
  ///   - images: Number of validation images.
  init(_ candidates: [Candidate], leads: [Candidate: Double], images: Int, generator: inout SeededGenerator) {
    let flip = (1 - (1 - 2 * Self.discordance).squareRoot()) / 2
    var columns: [Candidate: [Bool]] = [:]
    for candidate in candidates { columns[candidate] = Array(repeating: false, count: images) }
    for image in 0..<images {
      let isRight = generator.uniform() < Self.base
      for candidate in candidates {
        // A wrong image is turned more often by a candidate with a lead.
        let lead = leads[candidate] ?? 0
        let chance = isRight ? flip : flip + lead / (1 - Self.base)
        columns[candidate]![image] = isRight != (generator.uniform() < chance)
      }
    }
    validation = columns
  }

  /// Accuracy on infinitely many images.
  static func accuracy(_ candidate: Candidate, leads: [Candidate: Double]) -> Double {
    let flip = (1 - (1 - 2 * discordance).squareRoot()) / 2
    return base * (1 - flip) + (1 - base) * flip + (leads[candidate] ?? 0)
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
      let correct = validation[entrant.candidate]![places]
      return EntrantOutcomes(
        ranks: correct.map { $0 ? 0 : 1 }, losses: correct.map { $0 ? 0.1 : 2 })
    }
  }
}
