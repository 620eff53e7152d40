/// The parts of a smoothed target (Szegedy et al. 2016, §7): `onLabel` on the row's class, and `everywhere` on every
/// class, its own included.
struct LabelSmoothing {
  let onLabel: Double
  let everywhere: Double

  /// - Parameter epsilon: share of the target that is spread over all classes.
  init(_ epsilon: Double, classes: Int) {
    onLabel = 1 - epsilon
    everywhere = epsilon / Double(classes)
  }
}
