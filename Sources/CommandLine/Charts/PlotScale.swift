import Platform

/// A linear map from values to coordinates, with round ticks.
package struct PlotScale {
  package let values: ClosedRange<Double>
  package let ticks: [Double]
  private let start: Double
  private let end: Double

  /// - Parameters:
  ///   - values: what must be covered; widened to whole ticks when `isRounded`.
  ///   - from: the coordinate of the lower end.
  ///   - to: the coordinate of the upper end.
  ///   - tickCount: how many intervals there should be at most.
  package init(
    _ values: ClosedRange<Double>, from start: Double, to end: Double, tickCount: Int, isRounded: Bool
  ) {
    // A constant has ticks around it, as fine as its digits.
    let largest = max(abs(values.lowerBound), abs(values.upperBound))
    let span = max(values.upperBound - values.lowerBound, largest * 1e-6, 1e-9)
    let step = Self.niceStep(atLeast: span / Double(tickCount))
    let first = (values.lowerBound / step).rounded(isRounded ? .down : .up)
    var last = (values.upperBound / step).rounded(isRounded ? .up : .down)
    if isRounded { last = max(last, first + 1) }
    ticks = first <= last ? stride(from: first, through: last, by: 1).map { $0 * step } : []
    self.values = isRounded ? first * step...last * step : values
    self.start = start
    self.end = end
  }

  package func callAsFunction(_ value: Double) -> Double {
    let span = max(values.upperBound - values.lowerBound, 1e-9)
    return start + (end - start) * (value - values.lowerBound) / span
  }

  /// The smallest of 1, 2, 5 × 10ⁿ that is at least `minimum`.
  package static func niceStep(atLeast minimum: Double) -> Double {
    let power = pow(10, floor(log10(minimum)))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= minimum * (1 - 1e-12) }!
  }
}
