import Foundation
import ImageData
import ModelSearch
import ResolutionSweep
import Simulation
import Statistics

// Checks the claims of a search on candidates whose true accuracy is known.
//
//     swift run -c release search-simulation [repetitions] [images]
//
// Everything is seeded: the same numbers come out on every machine. The status is 1 if a share that is promised lies more
// than two standard errors of the simulation on the wrong side.

let repetitions = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 1000
let tally = Tally(repetitions: repetitions)

/// Searches on one kind of run.
///
/// - Parameters:
///   - lead: True gain of the means of the last 4 and 5 checkpoints over all others, which are equal.
///   - images: Number of validation images.
func check(_ name: String, lead: Double, images: Int, method: SelectionMethod, _ tally: Tally) throws {
  var space = SearchSpace(checkpointCount: 10)
  space.crops = [224]
  var settings = BestModelSearch.Settings(
    space: space, recorded: Preprocessing(resize: 256, crop: 224), hasBatchNorm: false)
  // Without BatchNorm no resize makes another model: the leaders are as they are.
  settings.leaders = 0
  let leads: [Candidate: Double] = [.mean(last: 4): lead, .mean(last: 5): lead]
  let last = Candidate.checkpoint(9)
  var claims = 0, others = 0, scoreHolds = 0, gainHolds = 0, found = 0, passes = 0
  for repetition in 0..<tally.repetitions {
    let world = PlantedWorld(leads: leads, images: images, seed: UInt64(repetition))
    settings.seed = UInt64(repetition)
    let plan = try SearchPlan(imageCount: images, method: method, statisticsImages: 0)
    let result = try BestModelSearch(settings, plan: plan, testCount: 0, world: world).run()
    let score = result.scores[0]
    let truth = PlantedWorld.accuracy(result.chosen.candidate, leads: leads)
    let trueGain = truth - PlantedWorld.accuracy(last, leads: leads)
    claims += result.answer == .better ? 1 : 0
    others += result.chosen == result.last ? 0 : 1
    found += trueGain > 0 ? 1 : 0
    scoreHolds += score.top1Interval.contains(truth) ? 1 : 0
    gainHolds += result.chosen != result.last && score.gainInterval.contains(trueGain) ? 1 : 0
    passes += result.spent.images
  }
  let n = Double(tally.repetitions)
  let all = space.candidates.count * images
  print(
    "\(name): \(space.candidates.count) candidates, \(images) images, \(method.name), \(tally.repetitions) repetitions"
  )
  let share = Double(claims) / n
  print("  gain claimed                          \(lead == 0 ? tally.erring(share) : percent(share))")
  if lead > 0 { print("  a better candidate chosen             \(percent(Double(found) / n))") }
  print("  interval of the score holds           \(tally.covered(Double(scoreHolds) / n))")
  print(
    "  interval of another's gain holds      \(tally.covered(Double(gainHolds) / Double(max(others, 1))))")
  print("  passes of measuring all on all images \(percent(Double(passes) / n / Double(all)))")
}

let sizes = CommandLine.arguments.count > 2 ? [Int(CommandLine.arguments[2])!] : [500, 5000]
for images in sizes {
  for lead in [0, 0.01, 0.02] {
    let name = lead == 0 ? "equal candidates" : String(format: "two candidates %.0f points ahead", 100 * lead)
    try check(name, lead: lead, images: images, method: .half, tally)
  }
}
// The score of folds is that of five choices, which differ unless candidates are equal.
try check("equal candidates in folds", lead: 0, images: 500, method: .folds(5), tally)
exit(tally.failures == 0 ? 0 : 1)
