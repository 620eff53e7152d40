import Statistics

/// Standard normal numbers that are equal in every bit on every machine.
///
/// Marsaglia's polar method with a logarithm made of additions, multiplications and divisions only: the C
/// library's functions differ between platforms in the last digit.
struct PortableNormal {
  private var generator: SeededGenerator
  private var spare: Double?

  /// A generator with a sequence determined by the key.
  init(key: [UInt64]) {
    let seed = key.reduce(UInt64(0)) { state, part in
      var mixer = SeededGenerator(seed: state ^ part)
      return mixer.next()
    }
    generator = SeededGenerator(seed: seed)
  }

  mutating func next() -> Double {
    if let value = spare {
      spare = nil
      return value
    }
    while true {
      let x = 2 * generator.uniform() - 1
      let y = 2 * generator.uniform() - 1
      let s = x * x + y * y
      guard s > 0, s < 1 else { continue }
      let factor = (-2 * Self.logarithm(s) / s).squareRoot()
      spare = y * factor
      return x * factor
    }
  }

  /// The natural logarithm of a positive normal number, relative error below 4e-16.
  ///
  /// ln m = 2·artanh((m - 1)/(m + 1)) for m from √½ to √2, where the series needs eleven terms.
  static func logarithm(_ value: Double) -> Double {
    var mantissa = value.significand
    var exponent = Double(value.exponent)
    if mantissa > 1.4142135623730951 {
      mantissa /= 2
      exponent += 1
    }
    let t = (mantissa - 1) / (mantissa + 1)
    let square = t * t
    var sum = 0.0
    for k in (0...11).reversed() { sum = sum * square + 1 / Double(2 * k + 1) }
    return exponent * 0.6931471805599453 + 2 * t * sum
  }
}
