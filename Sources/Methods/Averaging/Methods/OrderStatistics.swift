import Checkpoint

/// The median of every element; of an even number of checkpoints the mean of the middle two, as NumPy has it.
struct Median: AveragingMethod {
  static let name = "median"
  static let parameters: [MethodParameter] = []

  init(_ parameters: MethodParameters = MethodParameters()) throws {}

  var settings: [(String, JSON)] { [] }

  func combination(of timeline: Timeline) throws -> Combination {
    .trimmedMean(inputs: 0..<timeline.count, trim: (timeline.count - 1) / 2)
  }
}

/// The mean of every element without the ⌊p·N⌋ smallest and largest values, as in `scipy.stats.trim_mean`.
struct TrimmedMean: AveragingMethod {
  static let name = "trimmed-mean"
  static let parameters: [MethodParameter] = [.trim]

  let trim: Double

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    trim = try parameters.number(.trim, "a number from 0, below 0.5") { (0..<0.5).contains($0) } ?? 0.1
  }

  var settings: [(String, JSON)] { [("trim", .number("\(trim)"))] }

  func combination(of timeline: Timeline) throws -> Combination {
    .trimmedMean(inputs: 0..<timeline.count, trim: Int(trim * Double(timeline.count)))
  }
}
