/// Which of several good settings to take.
public enum Preference: String, CaseIterable, Sendable {
  /// The most accurate; ties go to the cheaper.
  case accuracy
  /// The cheapest that cannot be told from the most accurate; ties go to the more accurate.
  case cheap
}
