import Foundation
import Simulation
import Statistics

/// How often the gate lets a network pass whose true accuracy differs by a known amount from the old one's.
func checkGate(images: Int, _ tally: Tally) {
  let discordance = 0.1
  let margin = 0.02
  print(
    "gate on \(images) images, \(percent(discordance)) of which differ, \(tally.repetitions) repetitions: passed with not-worse / with a margin of \(percent(margin)) / with better"
  )
  for difference in [-0.03, -0.02, -0.01, 0, 0.02] {
    var passed = 0, passedMargin = 0, passedBetter = 0
    for repetition in 0..<tally.repetitions {
      var generator = SeededGenerator(seed: UInt64(repetition), for: "gate")
      var gained = 0, lost = 0
      for _ in 0..<images {
        let draw = generator.uniform()
        if draw < (discordance + difference) / 2 { gained += 1 } else if draw < discordance { lost += 1 }
      }
      let comparison = PairedComparison(firstOnly: gained, secondOnly: lost, imageCount: images)
      passed += comparison.isNotWorse() ? 1 : 0
      passedMargin += comparison.isNotWorse(margin: margin) ? 1 : 0
      passedBetter += comparison.isBetter() ? 1 : 0
    }
    let shares = [passed, passedMargin, passedBetter].map { Double($0) / Double(tally.repetitions) }
    // A loss of the margin or more may pass as often as the interval errs on one side, no gain as often too.
    let withMargin = difference <= -margin ? tally.erring(shares[1], limit: 0.025) : percent(shares[1])
    let better = difference <= 0 ? tally.erring(shares[2], limit: 0.025) : percent(shares[2])
    print(
      String(format: "  true difference %+.0f points: ", 100 * difference)
        + "\(percent(shares[0])) / \(withMargin) / \(better)")
  }
}

/// The difference of means drawn with neighboring seeds, against that of seeds far apart.
func checkSeeds(_ tally: Tally) {
  func mean(_ seed: Int, _ purpose: String) -> Double {
    (0..<256).reduce(0.0) { sum, index in
      var generator = SeededGenerator(seed: UInt64(seed), for: purpose, index: index)
      return sum + generator.uniform()
    } / 256
  }
  func rms(_ distance: Int) -> Double {
    let seeds = 2000
    return
      ((0..<seeds).reduce(0.0) { sum, seed in
        let difference = mean(seed, "image transforms") - mean(seed + distance, "image transforms")
        return sum + difference * difference
      } / Double(seeds)).squareRoot()
  }
  print("rms difference of means over 256 images, seeds s and s + 1 against s and s + 1000:")
  print("  ratio \(tally.within(rms(1) / rms(1000), 0.9...1.1))")
}
