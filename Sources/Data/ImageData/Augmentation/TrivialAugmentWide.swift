import Statistics

/// One random operation of random strength per image, in the wide space of 31 strengths.
///
/// Müller, Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation" (2021), table 1;
/// strengths as torchvision's `TrivialAugmentWide` has them.
public enum TrivialAugmentWide {
  private static let bins = 31

  /// Draws the operation.
  public static func operation(using generator: inout SeededGenerator) -> ImageOperation {
    let kind = generator.integer(below: 14)
    let bin = generator.integer(below: bins)
    let sign: Double = generator.integer(below: 2) == 0 ? 1 : -1
    return operation(kind: kind, bin: bin, sign: sign)
  }

  /// - Parameters:
  ///   - kind: 0 to 13, in torchvision's order.
  ///   - bin: 0 to 30.
  ///   - sign: 1 or -1; only some kinds have a sign.
  static func operation(kind: Int, bin: Int, sign: Double) -> ImageOperation {
    func strength(_ end: Float) -> Double { sign * Double(linear(from: 0, to: end, bin)) }
    switch kind {
    case 1: return .shearX(strength(0.99))
    case 2: return .shearY(strength(0.99))
    case 3: return .translateX(Int(strength(32)))
    case 4: return .translateY(Int(strength(32)))
    case 5: return .rotate(strength(135))
    case 6: return .brightness(1 + strength(0.99))
    case 7: return .saturation(1 + strength(0.99))
    case 8: return .contrast(1 + strength(0.99))
    case 9: return .sharpness(1 + strength(0.99))
    case 10: return .posterize(8 - Int((Float(bin) / 5).rounded(.toNearestOrEven)))
    case 11: return .solarize(Double(linear(from: 255, to: 0, bin)))
    case 12: return .autoContrast
    case 13: return .equalize
    default: return .identity
    }
  }

  /// PyTorch's `linspace` in single precision: the second half counts from the end, products are not rounded.
  private static func linear(from start: Float, to end: Float, _ bin: Int) -> Float {
    let step = (end - start) / Float(bins - 1)
    return bin < bins / 2
      ? start.addingProduct(step, Float(bin)) : end.addingProduct(-step, Float(bins - 1 - bin))
  }
}
