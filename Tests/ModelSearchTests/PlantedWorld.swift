import ModelSearch

/// A world of outcomes that a test has planted.
final class PlantedWorld: SearchWorld {
  /// Correctness of an entrant on a place of a set, with statistics of a number of images.
  typealias Plant = (Entrant, ImageSet, Int, Int) -> Bool

  private let plant: Plant
  /// Seconds that an image takes on its way through a network.
  var secondsPerImage = 0.0
  private(set) var spent = SearchCost()
  /// Requests in order.
  private(set) var requests: [(entrants: [Entrant], set: ImageSet, places: Range<Int>, statistics: Int)] = []

  init(_ plant: @escaping Plant) { self.plant = plant }

  func multiplyAdds(of entrant: Entrant) -> Int { entrant.preprocessing.crop * entrant.preprocessing.crop }

  func isKnown(_ entrant: Entrant, on set: ImageSet, places: Range<Int>, statisticsImages: Int) -> Bool {
    requests.contains {
      $0.entrants.contains(entrant) && $0.set == set && $0.places == places
        && $0.statistics == statisticsImages
    }
  }

  func outcomes(
    of entrants: [Entrant], on set: ImageSet, places: Range<Int>, statisticsImages: Int
  ) -> [EntrantOutcomes] {
    requests.append((entrants, set, places, statisticsImages))
    spent.images += entrants.count * places.count
    spent.seconds += Double(entrants.count * places.count) * secondsPerImage
    spent.multiplyAdds += Double(
      entrants.reduce(0) { $0 + multiplyAdds(of: $1) } * places.count)
    return entrants.map { entrant in
      EntrantOutcomes(
        ranks: places.map { plant(entrant, set, $0, statisticsImages) ? 0 : 1 },
        losses: places.map { plant(entrant, set, $0, statisticsImages) ? 0.25 : 1 })
    }
  }
}
