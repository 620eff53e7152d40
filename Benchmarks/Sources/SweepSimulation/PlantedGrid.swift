import Statistics

/// Settings of known accuracy: images are right or wrong to begin with, and each setting turns a few of them round.
struct PlantedGrid {
  /// Share of images that are right to begin with.
  var base: Double
  /// For each setting, the chance that it loses an image that was right.
  var losses: [Double]
  /// For each setting, the chance that it wins an image that was wrong.
  var gains: [Double]

  /// The accuracy of every setting on infinitely many images.
  var accuracies: [Double] {
    zip(losses, gains).map { base * (1 - $0) + (1 - base) * $1 }
  }

  /// All settings equally good; any two differ on a share `discordance` of the images.
  static func flat(settings: Int, discordance: Double, base: Double = 0.75) -> PlantedGrid {
    // Both settings of a pair turn an image with chance f: they differ with chance 2f(1 − f).
    let flip = (1 - (1 - 2 * discordance).squareRoot()) / 2
    return PlantedGrid(
      base: base, losses: Array(repeating: flip, count: settings),
      gains: Array(repeating: flip, count: settings))
  }

  /// As `flat`, but setting 0 is better by `lead` and differs from every other on a share `discordance` too.
  static func peaked(settings: Int, lead: Double, discordance: Double, base: Double = 0.75) -> PlantedGrid {
    var grid = flat(settings: settings, discordance: discordance, base: base)
    let flip = grid.losses[0]
    // Discordant images of a pair are won or lost: won − lost = lead, won + lost = discordance. With w and l the
    // leader's gain and loss, won = base·f(1 − l) + (1 − base)·w(1 − f), lost = base·l(1 − f) + (1 − base)·f(1 − w).
    let won = (discordance + lead) / 2
    let lost = (discordance - lead) / 2
    // won = a − b·l + c·w and lost = d + e·l − g·w are linear in l and w.
    let (a, b, c) = (base * flip, base * flip, (1 - base) * (1 - flip))
    let (d, e, g) = ((1 - base) * flip, base * (1 - flip), (1 - base) * flip)
    let determinant = -b * -g - c * e
    grid.losses[0] = ((won - a) * -g - c * (lost - d)) / determinant
    grid.gains[0] = (-b * (lost - d) - e * (won - a)) / determinant
    return grid
  }

  /// Every setting worse by `step` than the one before it; neighbors differ on about a share `discordance`.
  static func staircase(settings: Int, step: Double, discordance: Double, base: Double = 0.75) -> PlantedGrid
  {
    var grid = flat(settings: settings, discordance: discordance, base: base)
    for setting in 0..<settings { grid.losses[setting] += step * Double(setting) / base }
    return grid
  }

  /// Whether each setting got each of `count` images right: columns of one setting each.
  func draw(_ count: Int, _ generator: inout SeededGenerator) -> [[Bool]] {
    var columns = losses.map { _ in [Bool](repeating: false, count: count) }
    for image in 0..<count {
      let right = generator.uniform() < base
      for setting in losses.indices {
        let turned = generator.uniform() < (right ? losses[setting] : gains[setting])
        columns[setting][image] = right != turned
      }
    }
    return columns
  }
}
