/// The parts of a smoothed target (Szegedy et al. 2016, §7): `onLabel` for the row's class, and `everywhere`
/// for every class including that one.
struct LabelSmoothing {
  let onLabel: Double
  let everywhere: Double

  /// - Parameter epsilon: share of the target that is spread over all classes.
  init(_ epsilon: Double, classes: Int) {
    onLabel = 1 - epsilon
    everywhere = epsilon / Double(classes)
  }
}
