import Evaluation
import Statistics

/// Drops settings from a sweep as soon as they are worse beyond doubt.
///
/// The images must come in random order. A setting is dropped when the mean capital of the bets of all others
/// against it (`BettingTest`) reaches 1/(1 − level). The setting that is most accurate on the whole data set
/// is dropped with probability at most 1 − level over the order, whatever the data are: against it every bet
/// is unfair, so their mean is one unfair bet, and no further correction for the number of settings is
/// needed.
///
/// ```swift
/// var race = Race(settingCount: settings.count, imageCount: order.count)
/// let evaluator = try Evaluator(
///   networks: [network], settings: settings, dataset: dataset, images: order)
/// try evaluator.run(&race, workers: 2)
/// print(race.active.map { settings[$0].preprocessing })
/// ```
public struct Race: Sendable {
  /// Number of settings at the start.
  public let settingCount: Int
  /// Number of images in the whole data set.
  public let imageCount: Int
  /// Probability that the most accurate setting survives.
  public let level: Double
  /// Settings still in the race, ascending.
  public private(set) var active: [Int]
  /// Images seen by the settings still in the race.
  public private(set) var imagesSeen = 0
  /// Evaluations of one setting on one image so far.
  public private(set) var passCount = 0
  private var tests: [BettingTest]
  private var correctCount: [Int]

  /// - Parameters:
  ///   - settingCount: number of settings, at least 1.
  ///   - imageCount: number of images in the whole data set.
  ///   - level: probability that the most accurate setting survives, in (0, 1).
  public init(settingCount: Int, imageCount: Int, level: Double = 0.95) {
    precondition(settingCount > 0 && imageCount >= 0 && level > 0 && level < 1)
    self.settingCount = settingCount
    self.imageCount = imageCount
    self.level = level
    active = Array(0..<settingCount)
    tests = Array(repeating: BettingTest(imageCount: imageCount), count: settingCount * settingCount)
    correctCount = Array(repeating: 0, count: settingCount)
  }

  /// Adds the next images and drops settings that can no longer win.
  ///
  /// - Parameter correct: for each setting of `active`, in that order, the correctness of each of the images.
  /// - Returns: the settings dropped, ascending.
  @discardableResult
  public mutating func observe(_ correct: [[Bool]]) -> [Int] {
    precondition(correct.count == active.count && correct.allSatisfy { $0.count == correct[0].count })
    let count = correct[0].count
    for (place, setting) in active.enumerated() {
      for (rivalPlace, rival) in active.enumerated() where rival != setting {
        let index = setting * settingCount + rival
        for image in 0..<count {
          let difference = (correct[rivalPlace][image] ? 1 : 0) - (correct[place][image] ? 1 : 0)
          tests[index].observe(difference)
        }
      }
      correctCount[setting] += correct[place].count { $0 }
    }
    imagesSeen += count
    passCount += count * active.count
    return drop()
  }

  /// Takes settings out for reasons of the caller's, such as their cost; their bets against others keep their value.
  public mutating func withdraw(_ settings: some Collection<Int>) {
    active.removeAll { settings.contains($0) }
  }

  private mutating func drop() -> [Int] {
    let threshold = 1 / (1 - level)
    var dropped = active.filter { evidence(against: $0) >= threshold }
    if dropped.count == active.count {
      // Evidence against every setting is contradictory; the leader stays.
      let leader = active.max { correctCount[$0] < correctCount[$1] }
      dropped.removeAll { $0 == leader }
    }
    active.removeAll { dropped.contains($0) }
    return dropped
  }

  /// Mean capital of all others; bets of settings that have left keep their value.
  private func evidence(against setting: Int) -> Double {
    let row = setting * settingCount
    let sum = (0..<settingCount).reduce(0.0) { $1 == setting ? $0 : $0 + tests[row + $1].capital }
    return sum / Double(max(settingCount - 1, 1))
  }
}

extension Evaluator {
  /// Measures the settings of a race on as many images as it needs, dropping those that lose.
  ///
  /// - Parameters: see `run(only:upTo:batchSize:workers:narrowing:onBatch:)`.
  /// - Throws: the same errors as that method.
  public func run(
    _ race: inout Race, batchSize: Int? = nil, workers: Int, onBatch: (Int) throws -> Void = { _ in }
  ) throws {
    var current = race
    defer { race = current }
    try run(
      only: race.active, upTo: race.imageCount, batchSize: batchSize, workers: workers,
      narrowing: { correct in
        current.observe(correct)
        return current.active
      }, onBatch: onBatch)
  }
}
