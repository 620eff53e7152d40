import Platform

/// Limit on what a search may spend.
public enum SearchBudget: Sendable, Equatable {
  /// Passes of an image through a network, for statistics and for outcomes.
  case images(Int)
  /// Seconds of wall time, with those of earlier runs that a state is of.
  case seconds(Double)

  /// Parses `50000img`, `90s`, `20m` or `2h`.
  public init?(_ text: String) {
    if let number = text.dropping(suffix: "img") {
      guard let count = Int(number), (1...1_000_000_000_000).contains(count) else { return nil }
      self = .images(count)
      return
    }
    for (suffix, factor) in [("s", 1.0), ("m", 60), ("h", 3600)] {
      guard let number = text.dropping(suffix: suffix) else { continue }
      guard let value = Double(number), value > 0, value <= 1e6 else { return nil }
      self = .seconds(value * factor)
      return
    }
    return nil
  }

  /// The limit with its unit.
  public var description: String {
    switch self {
    case .images(let count): "\(count) images"
    case .seconds(let seconds): SearchCost.duration(seconds)
    }
  }
}

/// Cost of a search: passes of images through networks, their multiply-adds, and time.
public struct SearchCost: Sendable, Equatable {
  /// Passes of an image through a network.
  public var images: Int
  /// Multiply-adds of these passes.
  public var multiplyAdds: Double
  /// Seconds of wall time.
  public var seconds: Double

  /// A cost with everything given.
  public init(images: Int = 0, multiplyAdds: Double = 0, seconds: Double = 0) {
    self.images = images
    self.multiplyAdds = multiplyAdds
    self.seconds = seconds
  }

  /// The cost of passing images through a network; its time is not known in advance.
  public static func passes(_ images: Int, multiplyAdds: Int) -> SearchCost {
    SearchCost(images: images, multiplyAdds: Double(images) * Double(multiplyAdds))
  }

  /// The sum.
  public static func + (a: SearchCost, b: SearchCost) -> SearchCost {
    SearchCost(
      images: a.images + b.images, multiplyAdds: a.multiplyAdds + b.multiplyAdds,
      seconds: a.seconds + b.seconds)
  }

  /// Seconds in words, such as `1 h 5 min`.
  public static func duration(_ seconds: Double) -> String {
    let whole = Int(clamping: seconds.rounded(.up), to: 0...1_000_000_000)
    if whole < 120 { return "\(whole) s" }
    if whole < 7200 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole / 60 % 60) min"
  }
}

extension SearchBudget {
  /// The share of the budget that work would take on top of what has been spent: above 1 if it has no room.
  ///
  /// Time is estimated from the multiply-adds, at the rate of what has been done so far; before anything was done there is no
  /// rate, and everything has room.
  ///
  /// - Parameters:
  ///   - work: The work in question.
  ///   - spent: Cost so far.
  ///   - inherited: The part of that which the budget is not for.
  public func share(
    of work: SearchCost, after spent: SearchCost, beyond inherited: SearchCost = SearchCost()
  ) -> Double {
    switch self {
    case .images(let limit): return Double(spent.images - inherited.images + work.images) / Double(limit)
    case .seconds(let limit):
      let rate = spent.multiplyAdds > 0 ? spent.seconds / spent.multiplyAdds : 0
      return (spent.seconds - inherited.seconds + work.multiplyAdds * rate) / limit
    }
  }
}
