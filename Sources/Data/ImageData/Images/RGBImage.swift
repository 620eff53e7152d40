/// A decoded image: 8-bit R, G, B.
public struct RGBImage: Sendable, Equatable {
  /// Pixels per row.
  public let width: Int
  /// Number of rows.
  public let height: Int
  /// `[height, width, 3]`, rows from top to bottom without padding.
  public let pixels: [UInt8]

  /// An image of the given size.
  /// - Precondition: `pixels` holds `height * width * 3` bytes, and neither side is zero.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width) x \(height) pixels")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The pixels of `window`, which lies inside the image.
  func cropped(to window: PixelWindow) -> RGBImage {
    var result: [UInt8] = []
    result.reserveCapacity(window.width * window.height * 3)
    for y in window.y..<(window.y + window.height) {
      let start = (y * width + window.x) * 3
      result += pixels[start..<(start + window.width * 3)]
    }
    return RGBImage(width: window.width, height: window.height, pixels: result)
  }
}
