extension Preprocessing {
  /// Resizes the shorter side of `image` and cuts out the centre: `[crop, crop, 3]`.
  ///
  /// Pixels equal those of torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL image, black
  /// borders of images smaller than the crop included.
  public func crop(of image: RGBImage) -> RGBImage {
    let size = resizedSize(width: image.width, height: image.height)
    let columns = CenterCrop(length: size.width, crop: crop)
    let rows = CenterCrop(length: size.height, crop: crop)
    let window = PixelWindow(x: columns.source, y: rows.source, width: columns.count, height: rows.count)
    var pixels = [UInt8](repeating: 0, count: crop * crop * 3)
    image.resize(
      width: size.width, height: size.height, interpolation: interpolation, window: window,
      at: (rows.target * crop + columns.target) * 3, of: &pixels, stride: crop * 3)
    return RGBImage(width: crop, height: crop, pixels: pixels)
  }

  /// Writes the normalised crop of `image` to `target`: `crop * crop * 3` floats, rows of R, G, B.
  ///
  /// Each value is `(pixel / 255 - mean) / std`, every operation rounded to 32-bit floats: torchvision's
  /// `ToTensor` and `Normalize`.
  public func apply(_ image: RGBImage, into target: UnsafeMutablePointer<Float>) {
    normalize(crop(of: image).pixels, into: target)
  }

  /// Writes the normalised values of `[…, 3]` pixels to `target`.
  func normalize(_ pixels: [UInt8], into target: UnsafeMutablePointer<Float>) {
    let tables = normalizedValues()
    tables.withUnsafeBufferPointer { tables in
      pixels.withUnsafeBufferPointer { pixels in
        for offset in stride(from: 0, to: pixels.count, by: 3) {
          target[offset] = tables[Int(pixels[offset])]
          target[offset + 1] = tables[256 + Int(pixels[offset + 1])]
          target[offset + 2] = tables[512 + Int(pixels[offset + 2])]
        }
      }
    }
  }

  /// The value of each of the 256 bytes in each of the three channels.
  private func normalizedValues() -> [Float] {
    (0..<768).map { (Float($0 % 256) / 255 - mean[$0 / 256]) / std[$0 / 256] }
  }

  /// Size after the shorter side became `resize`; the longer side is truncated as torchvision does.
  func resizedSize(width: Int, height: Int) -> (width: Int, height: Int) {
    let short = min(width, height)
    let exact = Double(resize * max(width, height)) / Double(short)
    // No image in memory is that long; the bound keeps absurdly thin ones within the kernel's range.
    let long = Int(min(exact, Double(Self.maximumLength)))
    return width <= height ? (resize, long) : (long, resize)
  }

  static let maximumLength = 1 << 30
}

/// Where the centre crop of one axis comes from and goes to.
struct CenterCrop: Equatable {
  /// First source position.
  let source: Int
  /// First target position; above zero when the source is shorter than the crop.
  let target: Int
  /// Number of positions copied.
  let count: Int

  init(length: Int, crop: Int) {
    if length < crop {
      source = 0
      target = (crop - length) / 2
      count = length
    } else {
      // Python's round() takes halves to the even neighbour.
      let half = (length - crop) / 2
      source = (length - crop).isMultiple(of: 2) || half.isMultiple(of: 2) ? half : half + 1
      target = 0
      count = crop
    }
  }
}
