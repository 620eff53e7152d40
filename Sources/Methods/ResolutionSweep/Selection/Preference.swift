/// Preference among several good settings.
public enum Preference: String, CaseIterable, Sendable {
  /// The most accurate; ties go to the cheaper.
  case accuracy
  /// The cheapest that is indistinguishable from the most accurate; ties go to the more accurate.
  case cheap
}
