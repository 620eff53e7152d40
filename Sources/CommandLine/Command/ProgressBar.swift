import Platform

/// One self-erasing line on standard error with share done, rate and remaining time.
///
/// The bar appears after one second and is drawn at most ten times a second from then on, so short work stays
/// silent. Not thread safe: one loop advances it.
package final class ProgressBar {
  private let label: String
  private let total: Int
  private let unit: String
  private let enabled: Bool
  private let start = ContinuousClock.now
  private var lastDraw: ContinuousClock.Instant
  private var done = 0

  init(label: String, total: Int, unit: String, enabled: Bool) {
    self.label = terminalText(label).replacing("\n", with: "\\n")
    self.total = total
    self.unit = unit
    self.enabled = enabled
    lastDraw = start + .milliseconds(900)
  }

  deinit { finish() }

  /// Counts `steps` more steps as done.
  package func advance(by steps: Int = 1) {
    done += steps
    guard enabled else { return }
    let now = ContinuousClock.now
    guard now - lastDraw > .milliseconds(100) else { return }
    lastDraw = now
    draw(seconds: (now - start) / .seconds(1))
  }

  /// Removes the bar from the terminal.
  package func finish() {
    if enabled { StatusLine.erase() }
  }

  private func draw(seconds: Double) {
    let rate = Double(done) / seconds
    let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
    let remaining = rate > 0 ? Self.duration(Double(max(0, total - done)) / rate) : "?"
    let line = Self.line(
      before: label, share: share, after: "\(done)/\(total) \(Self.short(rate)) \(unit)/s, \(remaining) left",
      width: StatusLine.width)
    StatusLine.draw(line)
  }

  /// One line of less than `width` columns: one that wraps could not be erased.
  static func line(before: String, share: Double, after: String, width: Int) -> String {
    let bar = min(24, width - 1 - before.count - after.count - 4)
    guard bar >= 4 else { return String("\(before) \(after)".prefix(max(0, width - 1))) }
    let filled = Int(share * Double(bar))
    return before + " [" + String(repeating: "#", count: filled) + String(repeating: ".", count: bar - filled)
      + "] " + after
  }

  static func short(_ value: Double) -> String {
    value >= 100 ? String(Int(value)) : String(format: "%.1f", value)
  }

  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    guard whole >= 60 else { return "\(whole)s" }
    guard whole >= 3600 else { return "\(whole / 60)m\(String(format: "%02d", whole % 60))s" }
    return "\(whole / 3600)h\(String(format: "%02d", whole / 60 % 60))m"
  }
}
