import Foundation
import ResolutionSweep
import Simulation
import Statistics

/// Settings with a margin of the true class over its rivals on every image, from which all three metrics follow.
///
/// The margin is the image's ease, the setting's shift and noise of their pair, all normal: top-1 is right above 0,
/// top-5 above −2, and the loss is that of a logistic model.
struct MarginGrid {
  let name: String
  /// What each setting adds to every margin.
  let shifts: [Double]

  static let flat = MarginGrid(name: "flat", shifts: Array(repeating: 0, count: 12))
  static let staircase = MarginGrid(name: "a staircase", shifts: (0..<12).map { 0.01 * Double($0) })
  static let peaked = MarginGrid(
    name: "one setting ahead", shifts: [0.12] + Array(repeating: 0, count: 11))

  private static let ease = 1.5
  private static let noise = 0.25

  /// The scores of a margin: top-1, top-5 and the negated loss.
  private static func scores(_ margin: Double) -> [Double] {
    [margin > 0 ? 1 : 0, margin > -2 ? 1 : 0, -log1p(exp(-margin))]
  }

  /// The mean scores of every setting over infinitely many images, by Simpson's rule in steps of 0.001 standard
  /// deviations.
  var truth: [[Double]] {
    let deviation = (1 + Self.noise * Self.noise).squareRoot()
    return shifts.map { shift in
      var sums = [0.0, 0.0, 0.0]
      for step in -8000...8000 {
        let z = Double(step) / 1000
        let weight = exp(-z * z / 2) / (2 * Double.pi).squareRoot() / 1000
        let values = Self.scores(Self.ease + shift + deviation * z)
        for metric in sums.indices { sums[metric] += weight * values[metric] }
      }
      return sums
    }
  }

  /// Paired scores of `count` images, one matrix for each metric.
  func draw(_ count: Int, _ generator: inout SeededGenerator) -> [ScoreMatrix] {
    var columns = [[[Double]]](repeating: shifts.map { _ in [] }, count: 3)
    for _ in 0..<count {
      let ease = Self.ease + generator.normal()
      for (setting, shift) in shifts.enumerated() {
        let values = Self.scores(ease + shift + Self.noise * generator.normal())
        for metric in values.indices { columns[metric][setting].append(values[metric]) }
      }
    }
    return columns.map(ScoreMatrix.init(columns:))
  }
}

/// The printed optimism of every metric that chooses and every score that is shown, against the real one: how much
/// better the choice looks on the images that chose it than it is.
func checkOptimism(_ preference: Preference, _ grid: MarginGrid, images: Int, _ tally: Tally) {
  let metrics = ["top-1", "top-5", "loss"]
  let truth = grid.truth
  let costs = grid.shifts.indices.map(Double.init)
  let rule = SelectionRule(preference: preference, replicates: 300)
  // Two hundred halves each: a tenth of the repetitions are enough.
  let repetitions = max(50, tally.repetitions / 5)
  for chooser in metrics.indices {
    var estimated = [0.0, 0.0, 0.0], real = estimated, squares = estimated
    for repetition in 0..<repetitions {
      var generator = SeededGenerator(seed: UInt64(repetition), for: "optimism")
      let drawn = grid.draw(images, &generator)
      let set = ConfidenceSet(drawn[chooser], replicates: 300, generator: &generator)
      let chosen = rule.choose(drawn[chooser], costs: costs, confidenceSet: set, generator: &generator)
      let bias = selectionOptimism(
        of: rule, by: drawn[chooser], shown: drawn, costs: costs, set: set, repeats: 40,
        generator: &generator)!
      for shown in metrics.indices {
        let luck = drawn[shown].means[chosen] - truth[chosen][shown]
        estimated[shown] += bias[shown]
        real[shown] += luck
        squares[shown] += luck * luck
      }
    }
    let n = Double(repetitions)
    print(
      "\(grid.name), \(preference.rawValue) by \(metrics[chooser]): 12 settings, \(images) images, \(repetitions) repetitions"
    )
    for shown in metrics.indices {
      let mean = real[shown] / n
      // Two standard errors of the real one, and what a person would call the same.
      let error = 2 * max(0, squares[shown] / n - mean * mean).squareRoot() / n.squareRoot()
      let difference = estimated[shown] / n - mean
      let tolerance = error + 0.3 * abs(mean) + 0.0005
      let text = String(
        format: "%+.4f estimated, %+.4f ± %.4f real; bias in tolerances ", estimated[shown] / n, mean, error)
      print("  optimism of \(metrics[shown]): \(text)\(tally.within(difference / tolerance, -1...1))")
    }
  }
}
