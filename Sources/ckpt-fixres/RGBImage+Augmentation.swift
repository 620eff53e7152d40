import ImageData

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension RGBImage {
  /// The image with left and right exchanged.
  var mirrored: RGBImage {
    var result = [UInt8]()
    result.reserveCapacity(pixels.count)
    for y in 0..<height {
      for x in stride(from: width - 1, through: 0, by: -1) {
        let first = (y * width + x) * 3
        result += pixels[first..<first + 3]
      }
    }
    return RGBImage(width: width, height: height, pixels: result)
  }

  /// The part of the image inside `window`.
  func cropped(_ window: CropWindow) -> RGBImage {
    var result = [UInt8]()
    result.reserveCapacity(window.width * window.height * 3)
    for y in window.y..<window.y + window.height {
      let first = (y * width + window.x) * 3
      result += pixels[first..<first + window.width * 3]
    }
    return RGBImage(width: window.width, height: window.height, pixels: result)
  }
}

extension Double {
  var exponential: Double { exp(self) }
}
