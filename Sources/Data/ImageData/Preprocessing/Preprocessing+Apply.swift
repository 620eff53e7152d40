import Platform

extension Preprocessing {
  /// Resizes `image` and cuts out the crop: `[crop, crop, 3]`.
  ///
  /// Pixels equal those of torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL image, black
  /// borders of images smaller than the crop included; in the other modes and placements those of timm's
  /// evaluation transforms and torchvision's `TenCrop`.
  public func crop(of image: RGBImage) -> RGBImage {
    let size = mode.size(width: image.width, height: image.height, resize: resize)
    let columns = AxisCrop(length: size.width, crop: crop, placement: placement.horizontal)
    let rows = AxisCrop(length: size.height, crop: crop, placement: placement.vertical)
    var pixels = canvas(isCovered: columns.count == crop && rows.count == crop)
    // A mirrored image is cropped like any other; in the image as it is, that crop counts from the other
    // side.
    let left = isFlipped ? size.width - columns.source - columns.count : columns.source
    let window = PixelWindow(x: left, y: rows.source, width: columns.count, height: rows.count)
    image.resize(
      width: size.width, height: size.height, interpolation: interpolation, window: window,
      at: (rows.target * crop + columns.target) * 3, of: &pixels, stride: crop * 3)
    if isFlipped {
      for y in rows.target..<(rows.target + rows.count) {
        let first = y * crop + columns.target
        mirror(&pixels, first..<(first + columns.count))
      }
    }
    return RGBImage(width: crop, height: crop, pixels: pixels)
  }

  /// The pixels that stay where the image does not reach: black, or the mean color in `border` mode.
  private func canvas(isCovered: Bool) -> [UInt8] {
    var pixels = [UInt8](repeating: 0, count: crop * crop * 3)
    if mode == .border && !isCovered {
      let fill = mean.map { UInt8(Int(clamping: Double("\($0)")! * 255, to: 0...255)) }
      for offset in pixels.indices { pixels[offset] = fill[offset % 3] }
    }
    return pixels
  }

  /// Reverses the order of the pixels in `range`.
  private func mirror(_ pixels: inout [UInt8], _ range: Range<Int>) {
    for step in 0..<(range.count / 2) {
      let left = (range.lowerBound + step) * 3
      let right = (range.upperBound - 1 - step) * 3
      for channel in 0..<3 { pixels.swapAt(left + channel, right + channel) }
    }
  }

  /// Writes the normalized crop of `image` to `target`: `crop * crop * 3` floats, rows of R, G, B.
  ///
  /// Each value is `(pixel / 255 - mean) / std`, every operation rounded to 32-bit floats: torchvision's
  /// `ToTensor` and `Normalize`.
  public func apply(_ image: RGBImage, into target: UnsafeMutablePointer<Float>) {
    normalize(crop(of: image).pixels, into: target)
  }

  /// Writes the normalized values of `[…, 3]` pixels to `target`.
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
}
