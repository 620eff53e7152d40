// Integer arithmetic on numbers that come from files, options and the environment: what does not fit is nil, where the
// operators of the language would end the process.

extension FixedWidthInteger {
  /// `self + other`; nil when that does not fit.
  package func adding(exactly other: Self) -> Self? {
    let (value, overflow) = addingReportingOverflow(other)
    return overflow ? nil : value
  }

  /// `self - other`; nil when that does not fit.
  package func subtracting(exactly other: Self) -> Self? {
    let (value, overflow) = subtractingReportingOverflow(other)
    return overflow ? nil : value
  }

  /// `self * other`; nil when that does not fit.
  package func multiplied(exactlyBy other: Self) -> Self? {
    let (value, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? nil : value
  }

  /// `self / other` rounded towards zero; nil for a divisor of zero and when the quotient does not fit.
  package func divided(exactlyBy other: Self) -> Self? {
    let (value, overflow) = dividedReportingOverflow(by: other)
    return overflow ? nil : value
  }
}

extension Sequence where Element: FixedWidthInteger {
  /// The sum of the elements, 0 for none; nil when a partial sum does not fit.
  package var checkedSum: Element? {
    var sum: Element = 0
    for element in self {
      guard let next = sum.adding(exactly: element) else { return nil }
      sum = next
    }
    return sum
  }

  /// The product of the elements, 1 for none; nil when it does not fit, whatever the order of the elements.
  ///
  /// Zeros do not hide an overflow of the others: whoever multiplies those first would trap.
  package var checkedProduct: Element? {
    var product: Element = 1
    var hasZero = false
    for element in self {
      if element == 0 {
        hasZero = true
        continue
      }
      guard let next = product.multiplied(exactlyBy: element) else { return nil }
      product = next
    }
    return hasZero ? 0 : product
  }
}

extension Int {
  /// `value` rounded to the nearest whole number and clamped to `range`; its lower bound for NaN.
  package init(clamping value: Double, to range: ClosedRange<Int>) {
    guard value > Double(range.lowerBound) else {
      self = range.lowerBound
      return
    }
    self =
      Int(exactly: value.rounded(.toNearestOrEven)).map { Swift.min($0, range.upperBound) }
      ?? range.upperBound
  }
}
