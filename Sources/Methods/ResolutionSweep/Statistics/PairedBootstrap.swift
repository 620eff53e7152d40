import Evaluation
import Statistics

/// Bootstrap means of all settings: one resample of the images serves every setting, so that pairs stay
/// pairs.
///
/// Images are drawn with replacement (Efron 1979). Scores are taken relative to the image's mean over
/// settings, which changes no difference between settings; images on which all settings agree then contribute
/// nothing and are drawn but not summed, so the cost grows with the discordant images.
struct PairedBootstrap {
  let settingCount: Int
  let replicateCount: Int
  /// Deviation of each replicate's mean from the sample's, shape [replicates, settings].
  private let deviations: [Double]

  init(_ scores: ScoreMatrix, replicates: Int, generator: inout SeededGenerator) {
    let settings = scores.settingCount
    let rows = Self.centredDiscordantRows(scores)
    let rowCount = rows.count / settings
    let scale = 1 / Double(max(scores.imageCount, 1))
    var observed = [Double](repeating: 0, count: settings)
    for row in 0..<rowCount {
      for setting in 0..<settings { observed[setting] += rows[row * settings + setting] }
    }
    var deviations: [Double] = []
    deviations.reserveCapacity(replicates * settings)
    for _ in 0..<replicates {
      var sums = observed.map { -$0 }
      for _ in 0..<scores.imageCount {
        let row = generator.integer(below: scores.imageCount)
        guard row < rowCount else { continue }
        for setting in 0..<settings { sums[setting] += rows[row * settings + setting] }
      }
      deviations += sums.map { $0 * scale }
    }
    settingCount = settings
    replicateCount = replicates
    self.deviations = deviations
  }

  /// Deviation of `setting`'s mean in `replicate` from its mean in the sample, relative to all settings.
  subscript(replicate: Int, setting: Int) -> Double { deviations[replicate * settingCount + setting] }

  private static func centredDiscordantRows(_ scores: ScoreMatrix) -> [Double] {
    let discordant = scores.discordantRows
    var rows = discordant.values
    for image in 0..<discordant.imageCount {
      let range = image * discordant.settingCount..<(image + 1) * discordant.settingCount
      let mean = rows[range].reduce(0, +) / Double(discordant.settingCount)
      for index in range { rows[index] -= mean }
    }
    return rows
  }
}
