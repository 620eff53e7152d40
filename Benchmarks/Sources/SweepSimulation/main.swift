import Evaluation
import Foundation
import ResolutionSweep
import Simulation
import Statistics

// Checks the statistics of the sweep, of the gate and of the seeds against settings whose true accuracy is known.
//
//     swift run -c release sweep-simulation [repetitions]
//
// Everything is seeded: the same numbers come out on every machine. The status is 1 if a share that is promised at a
// level lies more than two standard errors of the simulation on the wrong side of it, or an estimate is biased.

let repetitions = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 1000
let tally = Tally(repetitions: repetitions)

func scores(_ columns: [[Bool]]) -> ScoreMatrix {
  ScoreMatrix(columns: columns.map { $0.map { $0 ? 1 : 0 } })
}

/// Confidence set, distances to the best and half-and-half confirmation on one kind of grid.
func checkSelection(_ name: String, _ grid: PlantedGrid, images: Int, _ tally: Tally) throws {
  let truth = grid.accuracies
  let costs = truth.indices.map { Double(truth.count - $0) }
  var setHoldsBest = 0, bestCount = 0, members = 0
  var intervalHolds = 0
  var distancesHold = 0
  var confirmedError = 0.0, regret = 0.0
  for repetition in 0..<repetitions {
    var generator = SeededGenerator(seed: UInt64(repetition))
    let columns = grid.draw(images, &generator)
    let matrix = scores(columns)
    let selection = try Selection(
      matrix, costs: costs, method: .half, rule: SelectionRule(preference: .cheap, replicates: 1000),
      seed: UInt64(repetition))
    let best = truth.max()!
    for setting in truth.indices where truth[setting] > best - 1e-12 {
      bestCount += 1
      setHoldsBest += selection.confidenceSet.members.contains(setting) ? 1 : 0
    }
    members += selection.confidenceSet.members.count
    let right = selection.scoringImages.count { columns[selection.chosen][$0] }
    let confirmed = Proportion(successes: right, count: selection.scoringImages.count)
    intervalHolds += confirmed.wilsonInterval().contains(truth[selection.chosen]) ? 1 : 0
    confirmedError += confirmed.value - truth[selection.chosen]
    regret += best - truth[selection.chosen]
    distancesHold +=
      truth.indices.allSatisfy {
        // Settings that are equally good are so to rounding.
        let distance = best - truth[$0] < 1e-12 ? 0 : best - truth[$0]
        return selection.confidenceSet.deficits[$0].contains(distance)
      } ? 1 : 0
  }
  let n = Double(repetitions)
  print("\(name): \(truth.count) settings, \(images) images, \(repetitions) repetitions")
  print("  best setting in the 95 % set        \(tally.covered(Double(setHoldsBest) / Double(bestCount)))")
  print("  mean size of the set                \(String(format: "%.2f", Double(members) / n))")
  print("  all distances to the best hold      \(tally.covered(Double(distancesHold) / n))")
  print("  confirmed score's interval holds    \(tally.covered(Double(intervalHolds) / n))")
  print("  confirmed score less truth          \(percent(confirmedError / n))")
  print("  accuracy given up for cheapness     \(percent(regret / n))")
}

/// The race on one kind of grid.
func checkRace(_ name: String, _ grid: PlantedGrid, images: Int, block: Int, _ tally: Tally) {
  let settings = grid.losses.count
  var passes = 0, finishing = 0, bestDropped = 0, outsideSet = 0
  for repetition in 0..<repetitions {
    var generator = SeededGenerator(seed: UInt64(repetition))
    let columns = grid.draw(images, &generator)
    var race = Race(settingCount: settings, imageCount: images)
    while race.imagesSeen < images && race.active.count > 1 {
      let range = race.imagesSeen..<min(race.imagesSeen + block, images)
      race.observe(race.active.map { Array(columns[$0][range]) })
    }
    passes += race.passCount
    finishing += images - race.imagesSeen
    let counts = columns.map { $0.count { $0 } }
    let top = counts.max()!
    if !race.active.contains(where: { counts[$0] == top }) { bestDropped += 1 }
    let winner = race.active.max { counts[$0] < counts[$1] }!
    let set = ConfidenceSet(scores(columns), replicates: 500, generator: &generator)
    if !set.members.contains(winner) { outsideSet += 1 }
  }
  let all = Double(repetitions * settings * images)
  print(
    "\(name): race of \(settings) settings, \(images) images, blocks of \(block), \(repetitions) repetitions")
  print("  passes to decide / of the full sweep    \(percent(Double(passes) / all))")
  print("  with the winner finished on all images  \(percent(Double(passes + finishing) / all))")
  print(
    "  full sweep's best dropped (at most 5 %) \(tally.erring(Double(bestDropped) / Double(repetitions)))")
  print("  winner outside the full sweep's set     \(tally.erring(Double(outsideSet) / Double(repetitions)))")
}

let flat = PlantedGrid.flat(settings: 15, discordance: 0.05)
let peaked = PlantedGrid.peaked(settings: 15, lead: 0.02, discordance: 0.05)
// Half of the images choose and half score: at 400 some ten images differ between any two settings of a half.
for images in [400, 2000, 5000] {
  try checkSelection("flat", flat, images: images, tally)
  try checkSelection("one setting 2 points ahead", peaked, images: images, tally)
}
try checkSelection("flat", .flat(settings: 9, discordance: 0.05), images: 900, tally)
try checkSelection(
  "flat, hardly any image differs", .flat(settings: 9, discordance: 0.004), images: 900, tally)
try checkSelection("a staircase", .staircase(settings: 9, step: 0.005, discordance: 0.05), images: 900, tally)
for rule in Preference.allCases {
  for grid in [MarginGrid.flat, .staircase, .peaked] {
    for images in [450, 2000] { checkOptimism(rule, grid, images: images, tally) }
  }
}
checkGate(images: 450, tally)
checkGate(images: 5000, tally)
checkSeeds(tally)
// Blocks of the tool's usual batch.
checkRace("one setting 2 points ahead", peaked, images: 5000, block: 32, tally)
checkRace("flat", flat, images: 5000, block: 32, tally)
exit(tally.failures == 0 ? 0 : 1)
