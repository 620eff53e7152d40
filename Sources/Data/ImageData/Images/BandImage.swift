import CImageKernels

/// An image of 1 to 16 channels with real values: gray, color with transparency, or the bands of a satellite.
public struct BandImage: Sendable, Equatable {
  /// Pixels per row.
  public let width: Int
  /// Number of rows.
  public let height: Int
  /// Number of channels.
  public let channels: Int
  /// `[height, width, channels]`; whole numbers of a file are scaled to 0…1, real numbers are as they are.
  public let values: [Float]

  /// An image of the given size.
  /// - Precondition: `values` holds `height * width * channels` numbers, and no side is zero.
  public init(width: Int, height: Int, channels: Int, values: [Float]) {
    precondition(width > 0 && height > 0 && channels > 0, "an image of \(width) x \(height) x \(channels)")
    precondition(values.count == width * height * channels, "\(values.count) values")
    self.width = width
    self.height = height
    self.channels = channels
    self.values = values
  }

  /// A color image as it is, or as gray by Pillow's `convert("L")`.
  /// - Throws: `channelMismatch` for numbers of channels other than 3 and 1.
  init(_ image: RGBImage, channels: Int, item: String) throws(ImageDataError) {
    switch channels {
    case 3:
      self.init(
        width: image.width, height: image.height, channels: 3, values: image.pixels.map { Float($0) / 255 })
    case 1:
      let pixels = image.pixels
      let gray = (0..<image.width * image.height).map { place in
        let (red, green, blue) = (
          Int(pixels[3 * place]), Int(pixels[3 * place + 1]), Int(pixels[3 * place + 2])
        )
        return Float((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) / 255
      }
      self.init(width: image.width, height: image.height, channels: 1, values: gray)
    default: throw .channelMismatch(item: item, expected: channels, found: 3)
    }
  }
}

extension BandImage {
  /// Decodes an image file: the 16 bits of a PNG that has them, else what `RGBImage` makes of it.
  ///
  /// Transparency is dropped where the network takes one channel less.
  /// - Throws: As `RGBImage`; `channelMismatch`.
  init(
    decoding bytes: [UInt8], channels: Int, item: String, options: DecodingOptions
  ) throws(ImageDataError) {
    guard let found = Self.deepChannels(of: bytes) else {
      try self.init(
        try RGBImage(decoding: bytes, item: item, options: options), channels: channels, item: item)
      return
    }
    guard !options.appliesOrientation else {
      throw .badImage(item: item, reason: "an image of 16 bits, which is not turned upright")
    }
    let hasAlpha = found == 2 || found == 4
    guard found == channels || hasAlpha && found == channels + 1 else {
      throw .channelMismatch(item: item, expected: channels, found: found)
    }
    var header = ck_image_header()
    try RGBImage.call(item) { ck_image_read_header(bytes, bytes.count, &header, $0) }
    let (width, height) = (Int(header.width), Int(header.height))
    guard width > 0, height > 0 else { throw .badImage(item: item, reason: "the image has no pixels") }
    guard width <= options.maximumPixelCount / height else {
      throw .imageTooLarge(item: item, width: width, height: height, limit: options.maximumPixelCount)
    }
    if let excess = DecodingBudget.excess(of: bytes, width: width, height: height) {
      throw .badImage(item: item, reason: excess)
    }
    var samples = [UInt16](repeating: 0, count: width * height * found)
    try RGBImage.call(item) {
      ck_png_decode_samples(bytes, bytes.count, &header, UInt32(found), &samples, $0)
    }
    let values = (0..<width * height).flatMap { place in
      samples[place * found..<place * found + channels].map { Float($0) / 65535 }
    }
    self.init(width: width, height: height, channels: channels, values: values)
  }

  /// Channels of a PNG of 16 bits by its header; nil for other files.
  private static func deepChannels(of bytes: [UInt8]) -> Int? {
    guard bytes.count > 26, bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]),
      bytes[12..<16].elementsEqual("IHDR".utf8), bytes[24] == 16
    else { return nil }
    return [0: 1, 2: 3, 4: 2, 6: 4][Int(bytes[25])]
  }
}

extension Preprocessing {
  /// Writes the normalized crop of `image` to `target`: `height * width * channels` floats of `cropSize`.
  ///
  /// Values are resized in float64 with Pillow's filters and stored as float32, as Pillow does in mode `F`, and then
  /// normalized as those of color images.
  /// - Precondition: The image has the network's channels.
  func apply(_ image: BandImage, into target: UnsafeMutablePointer<Float>) {
    precondition(image.channels == channels, "\(image.channels) channels for \(channels)")
    let plan = CropPlan(self, width: image.width, height: image.height)
    let part = image.resized(
      width: plan.width, height: plan.height, interpolation: interpolation, window: plan.window)
    let (rows, columns) = (plan.rows, plan.columns)
    let isReversed = channelOrder == .bgr && channels == 3
    let fill = filling(channels: channels)
    for y in 0..<cropSize.height {
      for x in 0..<cropSize.width {
        let pixel = target + (y * cropSize.width + x) * channels
        let (row, column) = (y - rows.target, x - columns.target)
        let isInside = row >= 0 && row < rows.count && column >= 0 && column < columns.count
        let source = (row * columns.count + (isFlipped ? columns.count - 1 - column : column)) * channels
        for channel in 0..<channels {
          let value =
            isInside ? part[source + (isReversed ? channels - 1 - channel : channel)] : fill[channel]
          pixel[channel] = (value - mean[channel]) / std[channel]
        }
      }
    }
  }
}
