import Platform
import Statistics

/// The random transforms of training, in the order of torchvision's reference: resized crop, mirror, color
/// jitter, TrivialAugmentWide, normalization, erasing.
public struct Augmentation: Sendable, Equatable {
  /// Part of the image's area that the crop covers, uniform in this range.
  public var area = 0.08...1.0
  /// Width over height of the crop, uniform in its logarithm.
  public var aspectRatio = 3.0 / 4...4.0 / 3
  /// Probability that the image is mirrored.
  public var flipProbability = 0.5
  /// Random colors, or nil.
  public var colorJitter: ColorJitter?
  /// True if one operation of TrivialAugmentWide is applied.
  public var usesTrivialAugment = false
  /// A random rectangle of zeros after normalization, or nil.
  public var erasing: RandomErasing?

  /// RandomResizedCrop and mirroring, as ImageNet models are trained.
  public init() {}

  /// Writes the transformed, normalized image to `target`: `crop * crop * 3` floats, in the network's order of channels.
  /// - Parameters:
  ///   - image: The whole image.
  ///   - preprocessing: Crop size, filter and normalization; its resize has no part.
  ///   - generator: Source of all randomness.
  ///   - target: Room for `crop * crop * 3` floats; all are overwritten.
  public func apply(
    _ image: RGBImage, _ preprocessing: Preprocessing, using generator: inout SeededGenerator,
    into target: UnsafeMutablePointer<Float>
  ) {
    precondition(preprocessing.cropSize.isSquare, "a random crop of \(preprocessing.cropSize)")
    let side = preprocessing.crop
    let window = cropWindow(width: image.width, height: image.height, using: &generator)
    var view = image.cropped(to: window)
      .resized(width: side, height: side, interpolation: preprocessing.interpolation)
    if generator.uniform() < flipProbability { view = ImageOperation.flip.apply(to: view) }
    if let colorJitter {
      for operation in colorJitter.operations(using: &generator) { view = operation.apply(to: view) }
    }
    if usesTrivialAugment { view = TrivialAugmentWide.operation(using: &generator).apply(to: view) }
    preprocessing.normalize(view.pixels, into: target)
    if let hole = erasing?.window(side: side, using: &generator) {
      for y in hole.y..<(hole.y + hole.height) {
        (target + (y * side + hole.x) * 3).update(repeating: 0, count: hole.width * 3)
      }
    }
  }

  /// Draws the crop as torchvision's `RandomResizedCrop.get_params` does: ten attempts, then the largest
  /// center crop of an allowed aspect ratio.
  func cropWindow(width: Int, height: Int, using generator: inout SeededGenerator) -> PixelWindow {
    let whole = Double(width * height)
    for _ in 0..<10 {
      let (w, h) = Self.rectangle(area: whole, fraction: area, aspectRatio: aspectRatio, using: &generator)
      guard w > 0, h > 0, w <= width, h <= height else { continue }
      let y = generator.integer(below: height - h + 1)
      let x = generator.integer(below: width - w + 1)
      return PixelWindow(x: x, y: y, width: w, height: h)
    }
    let ratio = Double(width) / Double(height)
    var (w, h) = (width, height)
    if ratio < aspectRatio.lowerBound {
      h = Int((Double(w) / aspectRatio.lowerBound).rounded(.toNearestOrEven))
    } else if ratio > aspectRatio.upperBound {
      w = Int((Double(h) * aspectRatio.upperBound).rounded(.toNearestOrEven))
    }
    return PixelWindow(x: (width - w) / 2, y: (height - h) / 2, width: max(w, 1), height: max(h, 1))
  }

  /// A random size: `fraction` of the area, `aspectRatio` of width over height.
  static func rectangle(
    area: Double, fraction: ClosedRange<Double>, aspectRatio: ClosedRange<Double>,
    using generator: inout SeededGenerator
  ) -> (width: Int, height: Int) {
    let target = area * generator.uniform(in: fraction)
    let ratio = exponential(generator.uniform(in: logarithms(of: aspectRatio)))
    return (
      Int((target * ratio).squareRoot().rounded(.toNearestOrEven)),
      Int((target / ratio).squareRoot().rounded(.toNearestOrEven))
    )
  }
}

/// Random brightness, contrast, saturation and hue, in random order: torchvision's `ColorJitter`.
public struct ColorJitter: Sendable, Equatable {
  /// Factors lie within this distance of 1, not below 0.
  public var brightness: Double
  /// Factors lie within this distance of 1, not below 0.
  public var contrast: Double
  /// Factors lie within this distance of 1, not below 0.
  public var saturation: Double
  /// Turns of the hue lie within this distance of 0; at most 0.5.
  public var hue: Double

  /// Strength of each change; 0 leaves it out.
  public init(brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0) {
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
  }

  /// Draws the changes in their order.
  func operations(using generator: inout SeededGenerator) -> [ImageOperation] {
    generator.permutation(4).compactMap { kind in
      let strength = [brightness, contrast, saturation, hue][kind]
      guard strength > 0 else { return nil }
      if kind == 3 { return .hue(generator.uniform(in: -strength...strength)) }
      let factor = generator.uniform(in: max(0, 1 - strength)...(1 + strength))
      return kind == 0 ? .brightness(factor) : kind == 1 ? .contrast(factor) : .saturation(factor)
    }
  }
}

/// A rectangle of zeros in the normalized image: torchvision's `RandomErasing`.
///
/// Zhong et al., "Random Erasing Data Augmentation" (2017).
public struct RandomErasing: Sendable, Equatable {
  /// Probability that anything is erased.
  public var probability: Double
  /// Part of the area that is erased.
  public var area = 0.02...0.33
  /// Height over width, uniform in its logarithm.
  public var aspectRatio = 0.3...3.3

  /// Erases with the given probability.
  public init(probability: Double) { self.probability = probability }

  /// Draws the rectangle; nil when nothing is erased.
  func window(side: Int, using generator: inout SeededGenerator) -> PixelWindow? {
    guard generator.uniform() < probability else { return nil }
    for _ in 0..<10 {
      // The ratio is height over width here.
      let (h, w) = Augmentation.rectangle(
        area: Double(side * side), fraction: area, aspectRatio: aspectRatio, using: &generator)
      guard h < side, w < side else { continue }
      let y = generator.integer(below: side - h + 1)
      let x = generator.integer(below: side - w + 1)
      return PixelWindow(x: x, y: y, width: w, height: h)
    }
    return nil
  }
}

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

func exponential(_ x: Double) -> Double { exp(x) }

func logarithms(of range: ClosedRange<Double>) -> ClosedRange<Double> {
  log(range.lowerBound)...log(range.upperBound)
}

extension SeededGenerator {
  /// Uniform between the ends of a range, which may be equal.
  mutating func uniform(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// A number of the symmetric beta distribution.
  mutating func beta(_ alpha: Double) -> Double {
    let (x, y) = (gamma(alpha), gamma(alpha))
    // Both can underflow when alpha is tiny; the distribution is then that of a coin.
    return x + y > 0 ? x / (x + y) : (uniform() < 0.5 ? 0 : 1)
  }

  /// A number of the gamma distribution with scale 1.
  ///
  /// Marsaglia, Tsang, "A Simple Method for Generating Gamma Variables" (2000); shapes below 1 by their
  /// section 6.
  private mutating func gamma(_ shape: Double) -> Double {
    if shape < 1 { return gamma(shape + 1) * pow(1 - uniform(), 1 / shape) }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      guard v > 0 else { continue }
      if log(1 - uniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }
}
