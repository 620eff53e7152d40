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

// Arithmetic as in Pillow 13: single precision where it has it, truncation where it truncates.

extension RGBImage {
  /// `other + factor * (self - other)` of each byte, clipped and truncated: Pillow's `Image.blend`.
  func blended(_ factor: Double, with other: (_ pixel: Int, _ channel: Int) -> UInt8) -> RGBImage {
    let alpha = Float(factor)
    var result = pixels
    for index in result.indices {
      let base = other(index / 3, index % 3)
      let value = Float(base) + alpha * Float(Int(pixels[index]) - Int(base))
      result[index] = UInt8(min(max(value, 0), 255))
    }
    return RGBImage(width: width, height: height, pixels: result)
  }

  /// ITU-R 601 luma in 16 fractional bits.
  func grey(at pixel: Int) -> UInt8 {
    let r = Int(pixels[pixel * 3])
    let g = Int(pixels[pixel * 3 + 1])
    let b = Int(pixels[pixel * 3 + 2])
    return UInt8((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16)
  }

  var meanGrey: UInt8 {
    let count = width * height
    let sum = (0..<count).reduce(0) { $0 + Int(grey(at: $1)) }
    return UInt8(Double(sum) / Double(count) + 0.5)
  }

  func histogram(of channel: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: 256)
    for index in stride(from: channel, to: pixels.count, by: 3) { counts[Int(pixels[index])] += 1 }
    return counts
  }

  /// Replaces bytes by each channel's table.
  func mapped(_ table: (_ channel: Int) -> [UInt8]) -> RGBImage {
    let tables = (0..<3).map(table)
    let result = pixels.indices.map { tables[$0 % 3][Int(pixels[$0])] }
    return RGBImage(width: width, height: height, pixels: result)
  }

  /// Average of the neighborhood, the center five times; the border stays. Pillow's `SMOOTH` filter.
  func smoothed() -> [UInt8] {
    var result = pixels
    guard width > 2, height > 2 else { return result }
    let side = Float(1) / 13
    let center = Float(5) / 13
    let row = width * 3
    func triple(_ index: Int, _ middle: Float) -> Float {
      Float(pixels[index - 3]) * side + Float(pixels[index]) * middle + Float(pixels[index + 3]) * side
    }
    for y in 1..<(height - 1) {
      for index in (y * row + 3)..<(y * row + row - 3) {
        var sum: Float = 0.5
        sum += triple(index + row, side)
        sum += triple(index, center)
        sum += triple(index - row, side)
        result[index] = UInt8(min(max(sum, 0), 255))
      }
    }
    return result
  }

  /// Adds to the hue byte of Pillow's HSV, which wraps around.
  func withHueShifted(by shift: UInt8) -> RGBImage {
    var result = pixels
    for index in stride(from: 0, to: pixels.count, by: 3) {
      var color = HSV(r: pixels[index], g: pixels[index + 1], b: pixels[index + 2])
      color.hue &+= shift
      (result[index], result[index + 1], result[index + 2]) = color.rgb
    }
    return RGBImage(width: width, height: height, pixels: result)
  }
}

/// Hue, saturation and value in bytes, converted as Pillow does.
private struct HSV {
  var hue: UInt8 = 0
  var saturation: UInt8 = 0
  var value: UInt8

  init(r: UInt8, g: UInt8, b: UInt8) {
    value = max(r, g, b)
    let low = min(r, g, b)
    guard low < value else { return }
    let range = Float(value - low)
    let (rc, gc, bc) = (Float(value - r) / range, Float(value - g) / range, Float(value - b) / range)
    let sector: Float =
      if r == value {
        bc - gc
      } else if g == value {
        Float(2.0 + Double(rc) - Double(bc))
      } else {
        Float(4.0 + Double(gc) - Double(rc))
      }
    let turn = Float(fmod(Double(sector) / 6.0 + 1.0, 1.0))
    hue = UInt8(clamping: Int(Double(turn) * 255.0))
    saturation = UInt8(clamping: Int(Double(range / Float(value)) * 255.0))
  }

  var rgb: (UInt8, UInt8, UInt8) {
    guard saturation > 0 else { return (value, value, value) }
    let position = Double(hue) * 6.0 / 255.0
    let sector = Int(position)
    let rest = Float(position - Double(Float(sector)))
    let s = Float(Double(saturation) / 255.0)
    func scaled(_ factor: Double) -> UInt8 { UInt8(clamping: Int((Double(value) * factor).rounded())) }
    let p = scaled(1.0 - Double(s))
    let q = scaled(1.0 - Double(s * rest))
    let t = scaled(1.0 - Double(s) * (1.0 - Double(rest)))
    switch sector % 6 {
    case 0: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }
}

/// Where each output pixel comes from: `x' = a x + b y + c`, `y' = d x + e y + f`.
struct AffineMap {
  var a = 1.0
  var b = 0.0
  var c = 0.0
  var d = 0.0
  var e = 1.0
  var f = 0.0

  /// torchvision's shear about the corner: one amount is zero.
  static func shear(x: Double, y: Double) -> AffineMap { AffineMap(b: x, d: y) }

  /// Moves the image by whole pixels.
  static func translation(x: Int, y: Int) -> AffineMap { AffineMap(c: -Double(x), f: -Double(y)) }

  /// Turns counter-clockwise about the center.
  static func rotation(degrees: Double, width: Int, height: Int) -> AffineMap {
    // Multiples of the right angle come out exactly.
    func rounded(_ value: Double) -> Double { (value * 1e15).rounded() / 1e15 }
    let angle = -degrees * .pi / 180
    let (cosine, sine) = (rounded(cos(angle)), rounded(sin(angle)))
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    return AffineMap(
      a: cosine, b: sine, c: -cosine * x - sine * y + x, d: -sine, e: cosine, f: sine * x - cosine * y + y)
  }
}

extension RGBImage {
  /// The nearest pixel at each mapped center, black outside: Pillow's affine transform in 16.16 fixed point.
  /// - Precondition: The mapped corners lie within ±32768.
  func transformed(_ map: AffineMap) -> RGBImage {
    func fixed(_ value: Double) -> Int { Int((value * 65536 + 0.5).rounded(.down)) }
    let (a, b, d, e) = (fixed(map.a), fixed(map.b), fixed(map.d), fixed(map.e))
    let startX = fixed(map.c + map.a * 0.5 + map.b * 0.5)
    let startY = fixed(map.f + map.d * 0.5 + map.e * 0.5)
    var result = [UInt8](repeating: 0, count: pixels.count)
    for y in 0..<height {
      for x in 0..<width {
        let column = (startX + a * x + b * y) >> 16
        let row = (startY + d * x + e * y) >> 16
        guard column >= 0, column < width, row >= 0, row < height else { continue }
        let source = (row * width + column) * 3
        let target = (y * width + x) * 3
        for channel in 0..<3 { result[target + channel] = pixels[source + channel] }
      }
    }
    return RGBImage(width: width, height: height, pixels: result)
  }
}
