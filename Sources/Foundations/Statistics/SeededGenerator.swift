import Platform

/// SplitMix64: a small, fast generator whose sequence is the same on every platform.
///
/// Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014). Not for cryptography.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator whose whole sequence follows from `seed`.
  public init(seed: UInt64) { state = seed }

  /// A generator for one of the draws that a run makes from its seed.
  ///
  /// Its state is a hash of all three: runs with neighboring seeds, the purposes of one run and the indices of one
  /// purpose share no sequence.
  ///
  /// - Parameters:
  ///   - seed: seed of the run.
  ///   - purpose: name of what is drawn, such as `"image order"`.
  ///   - index: number of the draw among those of the purpose, such as that of an image.
  public init(seed: UInt64, for purpose: String, index: Int = 0) {
    // FNV-1a, which keeps the names apart; the mixing is SplitMix64's.
    let name = purpose.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    var state: UInt64 = 0
    for part in [seed, name, UInt64(bitPattern: Int64(index))] {
      var mixer = SeededGenerator(seed: state ^ part)
      state = mixer.next()
    }
    self.init(seed: state)
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A uniform integer in `0..<bound` without bias (Lemire 2019, "Fast Random Integer Generation in an Interval").
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "no integer below \(bound)")
    let bound = UInt64(bound)
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return Int(product.high)
  }

  /// A random order of `0..<count` (Fisher-Yates, from the last place to the first).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, integer(below: last + 1)) }
    return order
  }

  /// A uniform number in `[0, 1)`, a multiple of 2^-53.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A uniform number in `[range.lowerBound, range.upperBound)` up to rounding.
  public mutating func uniform(in range: Range<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// A standard normal number (Box and Muller 1958; the sine half is not used, so that a call takes two draws).
  public mutating func normal() -> Double {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}
