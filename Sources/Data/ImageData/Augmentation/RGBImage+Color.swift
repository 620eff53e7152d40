import Platform

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
