import Platform

/// One change of an image's colors or geometry; every byte equals torchvision's function on a PIL image.
public enum ImageOperation: Sendable, Equatable {
  /// Unchanged.
  case identity
  /// Blend with black: 0 is black, 1 the image, more is brighter.
  case brightness(Double)
  /// Blend with the mean gray.
  case contrast(Double)
  /// Blend with the image's own gray.
  case saturation(Double)
  /// Blend with a smoothed image.
  case sharpness(Double)
  /// Turns the hue by a fraction of the circle, from -0.5 to 0.5.
  case hue(Double)
  /// Keeps that many bits of each byte, 1 to 8.
  case posterize(Int)
  /// Inverts bytes from this value on.
  case solarize(Double)
  /// Stretches each channel to 0…255.
  case autoContrast
  /// Makes each channel's histogram as flat as it can be.
  case equalize
  /// Moves columns sideways by this many pixels per row, from the first row on.
  case shearX(Double)
  /// Moves rows by this many pixels per column, from the first column on.
  case shearY(Double)
  /// Moves by whole pixels to the right.
  case translateX(Int)
  /// Moves by whole pixels down.
  case translateY(Int)
  /// Turns counter-clockwise around the center by degrees.
  case rotate(Double)
  /// Mirrors left and right.
  case flip

  /// The changed image, of the same size; what comes from outside the image is black.
  public func apply(to image: RGBImage) -> RGBImage {
    switch self {
    case .identity: return image
    case .brightness(let factor): return image.blended(factor) { _, _ in 0 }
    case .contrast(let factor):
      let mean = image.meanGrey
      return image.blended(factor) { _, _ in mean }
    case .saturation(let factor): return image.blended(factor) { pixel, _ in image.grey(at: pixel) }
    case .sharpness(let factor):
      let smooth = image.smoothed()
      return image.blended(factor) { pixel, channel in smooth[pixel * 3 + channel] }
    case .hue(let factor): return image.withHueShifted(by: UInt8(truncatingIfNeeded: Int(factor * 255)))
    case .posterize(let bits):
      return image.mapped { _ in (0..<256).map { UInt8($0) & ~UInt8((1 << (8 - bits)) - 1) } }
    case .solarize(let threshold):
      return image.mapped { _ in (0..<256).map { Double($0) < threshold ? UInt8($0) : UInt8(255 - $0) } }
    case .autoContrast: return image.mapped { stretching(image.histogram(of: $0)) }
    case .equalize: return image.mapped { equalizing(image.histogram(of: $0)) }
    case .shearX(let amount): return image.transformed(.shear(x: amount, y: 0))
    case .shearY(let amount): return image.transformed(.shear(x: 0, y: amount))
    case .translateX(let pixels): return image.transformed(.translation(x: pixels, y: 0))
    case .translateY(let pixels): return image.transformed(.translation(x: 0, y: pixels))
    case .rotate(let degrees):
      return image.transformed(.rotation(degrees: degrees, width: image.width, height: image.height))
    case .flip: return image.upright(from: .mirrored)
    }
  }
}

/// Pillow's `ImageOps.autocontrast` without cut-off.
private func stretching(_ histogram: [Int]) -> [UInt8] {
  guard let low = histogram.firstIndex(where: { $0 > 0 }), let high = histogram.lastIndex(where: { $0 > 0 }),
    high > low
  else { return (0..<256).map { UInt8($0) } }
  let scale = 255.0 / Double(high - low)
  let offset = -Double(low) * scale
  return (0..<256).map { UInt8(clamping: Int(Double($0) * scale + offset)) }
}

/// Pillow's `ImageOps.equalize`.
private func equalizing(_ histogram: [Int]) -> [UInt8] {
  let used = histogram.filter { $0 > 0 }
  let step = used.count <= 1 ? 0 : (used.reduce(0, +) - used.last!) / 255
  guard step > 0 else { return (0..<256).map { UInt8($0) } }
  var sum = step / 2
  return histogram.map { count in
    defer { sum += count }
    // Lookup tables are clipped to bytes.
    return UInt8(clamping: sum / step)
  }
}
