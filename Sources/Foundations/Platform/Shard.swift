/// One share of the work on a data set, for one of several processes: the items (batches, or images) whose number
/// leaves `index` when divided by `count`.
public struct Shard: Sendable, Equatable, CustomStringConvertible {
  /// From 0 to `count` − 1.
  public let index: Int
  /// Number of shares.
  public let count: Int

  /// Nil unless 0 ≤ `index` < `count`.
  public init?(index: Int, count: Int) {
    guard count >= 1, (0..<count).contains(index) else { return nil }
    self.index = index
    self.count = count
  }

  /// `I/N`.
  public var description: String { "\(index)/\(count)" }

  /// How many items of `total` in all this share has.
  public func itemCount(of total: Int) -> Int { index < total ? (total - 1 - index) / count + 1 : 0 }

  /// The items of this share, ascending, of `total` in all.
  public func items(of total: Int) -> [Int] {
    Array(stride(from: index, to: total, by: count))
  }
}
