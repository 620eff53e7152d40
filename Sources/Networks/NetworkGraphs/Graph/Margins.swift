/// Pixels added around a map; negative numbers crop it.
package struct Margins: Sendable, Equatable {
  package enum Filling: Sendable, Equatable {
    case constant(Float)
    /// Mirrored at the outermost pixels, which are not repeated.
    case reflect
    /// The outermost pixels repeated.
    case edge
  }

  package var top = 0
  package var left = 0
  package var bottom = 0
  package var right = 0
  package var filling = Filling.constant(0)

  /// True if a map of this size is not cropped away, and is large enough to be mirrored.
  package func fit(rows: Int, columns: Int) -> Bool {
    guard rows + top + bottom > 0, columns + left + right > 0, rows + min(top, 0) + min(bottom, 0) > 0,
      columns + min(left, 0) + min(right, 0) > 0
    else { return false }
    return filling != .reflect || (max(top, bottom) < rows && max(left, right) < columns)
  }
}
