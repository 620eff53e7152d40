import Averaging
import Checkpoint
import ImageData
import Platform
import ResolutionSweep

/// The averages and sizes that a search tries.
///
/// ```swift
/// var space = SearchSpace(checkpointCount: 10)
/// space.halfLives = [1, 2, 4]
/// print(space.candidates.count)
/// ```
public struct SearchSpace: Sendable, Equatable {
  /// Number of checkpoints in the series.
  public let checkpointCount: Int
  /// Number of last checkpoints that take part by themselves; the last one always does.
  public var singles: Int
  /// Numbers of last checkpoints to take the mean of.
  public var means: [Int]
  /// Half-lives of moving averages, in checkpoints.
  public var halfLives: [Double]
  /// Decays of the learning rate to emulate.
  public var schedules: [MergingSchedule.Curve]
  /// Numbers of last checkpoints that a schedule runs over.
  public var scheduleWindows: [Int]
  /// True to build a greedy soup.
  public var hasSoup: Bool
  /// Sides of the crop; nil is the recorded one and some larger ones.
  public var crops: [Int]?

  /// The usual space of a series: every checkpoint, means and half-lives in steps that grow, two schedules over the whole
  /// series and over half of it, and a soup.
  public init(checkpointCount count: Int) {
    precondition(count >= 1)
    checkpointCount = count
    singles = count
    means = (Self.steps.filter { $0 < count } + [count]).filter { $0 > 1 }
    halfLives = [0.5, 1, 2, 4, 8, 16, 32, 64].filter { $0 == 0.5 || $0 <= Double(count) / 2 }
    schedules = [.cosine, .inverseSquareRoot]
    scheduleWindows = Set([count, (count + 1) / 2]).filter { $0 > 2 }.sorted()
    hasSoup = count > 2
    if count == 1 { halfLives = [] }
  }

  private static let steps = [2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256]

  /// All candidates but the soup, which the measurements make; each once. The last checkpoint comes first, then averages, and
  /// earlier checkpoints from the newest on: a small budget meets first what usually wins.
  public var candidates: [Candidate] {
    let last = checkpointCount - 1
    var all = [Candidate.checkpoint(last)]
    all += means.reversed().map { $0 == 1 ? .checkpoint(last) : .mean(last: $0) }
    all += halfLives.map { .movingAverage(halfLife: $0) }
    all += schedules.flatMap { curve in scheduleWindows.map { Candidate.schedule(curve, last: $0) } }
    all += (0..<checkpointCount).suffix(singles).reversed().map { .checkpoint($0) }
    return all.unique
  }

  /// The preprocessings of the first stage: the recorded one, then its crop and some larger ones, or the crops asked for, at
  /// the recorded ratio of resize and crop.
  ///
  /// Networks trained on random crops see objects larger than a center crop shows them (Touvron et al. 2019), so larger
  /// sizes are tried: 8/7, 9/7 and 3/2 of the recorded one.
  public func preprocessings(around recorded: Preprocessing) -> [Preprocessing] {
    let side = recorded.crop
    let crops = crops ?? [side, side * 8 / 7, side * 9 / 7, side * 3 / 2]
    let grid = SweepGrid(base: recorded, crops: crops.filter(Preprocessing.sizes.contains))
    return grid.preprocessings
  }

  /// The preprocessings that a leader is tried with as well: its crop after other resizes, down to no margin, unless they
  /// are within 2 % of its own.
  public static func refinements(of leader: Preprocessing) -> [Preprocessing] {
    let crop = leader.crop
    return SweepGrid(base: leader, resizes: [crop, crop * 15 / 14, crop * 8 / 7], crops: [crop])
      .preprocessings
      .filter {
        50 * abs($0.resize - leader.resize) > leader.resize && Preprocessing.sizes.contains($0.resize)
      }
  }
}

extension SearchSpace {
  /// The space as provenance and states record it.
  public var json: JSON {
    .object([
      ("singles", JSON(singles)), ("means", .array(means.map { JSON($0) })),
      ("half_lives", .array(halfLives.map { JSON($0) })),
      ("schedules", .array(schedules.map { .string($0.rawValue) })),
      ("schedule_windows", .array(scheduleWindows.map { JSON($0) })), ("soup", .bool(hasSoup)),
      ("crops", crops.map { .array($0.map { JSON($0) }) } ?? .null),
    ])
  }

  /// Takes over the members of a JSON object that has the form of `json`; those that it lacks stay.
  ///
  /// - Throws: `SearchError.badSpace` for unknown members and impossible values.
  public mutating func apply(_ json: JSON, from path: String) throws(SearchError) {
    guard let members = json.objectValue else { throw .badSpace(path: path, "is no JSON object") }
    let count = checkpointCount
    for (key, value) in members {
      func fail(_ expected: String) -> SearchError {
        .badSpace(path: path, "\"\(TensorName(key).escaped)\": expected \(expected)")
      }
      func integers(_ range: ClosedRange<Int>, _ expected: String) throws(SearchError) -> [Int] {
        let numbers = value.arrayValue?.map(\.intValue) ?? [nil]
        guard numbers.allSatisfy({ $0.map(range.contains) ?? false }) else { throw fail(expected) }
        return numbers.map { $0! }
      }
      let windows = "numbers of checkpoints from 1 to \(count)"
      switch key {
      case "singles":
        guard let number = value.intValue, (0...count).contains(number) else {
          throw fail("a number of checkpoints from 0 to \(count)")
        }
        singles = number
      case "means": means = try integers(1...count, windows)
      case "half_lives":
        let numbers = value.arrayValue?.map(\.doubleValue) ?? [nil]
        guard numbers.allSatisfy({ $0.map { $0 > 0 && $0 < 1e6 } ?? false }) else {
          throw fail("numbers above 0")
        }
        halfLives = numbers.map { $0! }
      case "schedules":
        let curves =
          value.arrayValue?.map { $0.stringValue.flatMap { MergingSchedule.Curve(rawValue: $0) } } ?? [nil]
        guard curves.allSatisfy({ $0 != nil }) else {
          throw fail("some of \(MergingSchedule.Curve.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        schedules = curves.map { $0! }
      case "schedule_windows": scheduleWindows = try integers(1...count, windows)
      case "soup":
        guard case .bool(let flag) = value else { throw fail("true or false") }
        hasSoup = flag
      case "crops":
        crops = try value == .null ? nil : integers(Preprocessing.sizes, "sizes in pixels")
        if crops?.isEmpty == true { throw fail("one size or more") }
      default: throw .badSpace(path: path, "has an unknown \"\(TensorName(key).escaped)\"")
      }
    }
  }
}
