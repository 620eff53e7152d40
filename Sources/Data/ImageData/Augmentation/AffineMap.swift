import Platform

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
