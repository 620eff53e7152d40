import Platform

extension Preprocessing {
  /// Resizes `image` and cuts out the crop: `[height, width, 3]` of `cropSize`.
  ///
  /// Pixels equal those of torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL image, black
  /// borders of images smaller than the crop included; in the other modes and placements those of timm's
  /// evaluation transforms and torchvision's `TenCrop`. A letterbox has the size and margins of Ultralytics', and
  /// Pillow's filters in place of OpenCV's.
  public func crop(of image: RGBImage) -> RGBImage {
    let plan = CropPlan(self, width: image.width, height: image.height)
    var pixels = canvas(isCovered: plan.isCovered)
    let (rows, columns) = (plan.rows, plan.columns)
    image.resize(
      width: plan.width, height: plan.height, interpolation: interpolation, window: plan.window,
      at: (rows.target * cropSize.width + columns.target) * 3, of: &pixels, stride: cropSize.width * 3)
    if isFlipped {
      for y in rows.target..<(rows.target + rows.count) {
        let first = y * cropSize.width + columns.target
        mirror(&pixels, first..<(first + columns.count))
      }
    }
    return RGBImage(width: cropSize.width, height: cropSize.height, pixels: pixels)
  }

  /// The pixels that stay where the image does not reach, red, green and blue.
  private func canvas(isCovered: Bool) -> [UInt8] {
    var pixels = [UInt8](repeating: 0, count: cropSize.width * cropSize.height * 3)
    if isCovered { return pixels }
    let fill: [UInt8] =
      switch (padding, mode) {
      case (let padding?, _): Array(repeating: UInt8(clamping: padding), count: 3)
      case (nil, .letterbox): Array(repeating: UInt8(ResizeMode.letterboxPadding), count: 3)
      case (nil, .border): mean.map { UInt8(Int(clamping: Double("\($0)")! * 255, to: 0...255)) }
      case (nil, _): [0, 0, 0]
      }
    let ordered = channelOrder == .bgr ? Array(fill.reversed()) : fill
    guard ordered != [0, 0, 0] else { return pixels }
    for offset in pixels.indices { pixels[offset] = ordered[offset % 3] }
    return pixels
  }

  /// The value of each channel where the image does not reach, scaled to 0…1, in the order of the network's input: the
  /// padding that was asked for, gray in a letterbox, the mean color in `border` mode, else black.
  func filling(channels: Int) -> [Float] {
    if let padding { return Array(repeating: Float(padding) / 255, count: channels) }
    return switch mode {
    case .letterbox: Array(repeating: Float(ResizeMode.letterboxPadding) / 255, count: channels)
    case .border: mean
    case .shorterSide, .squash: Array(repeating: 0, count: channels)
    }
  }

  /// Reverses the order of the pixels in `range`.
  private func mirror(_ pixels: inout [UInt8], _ range: Range<Int>) {
    for step in 0..<(range.count / 2) {
      let left = (range.lowerBound + step) * 3
      let right = (range.upperBound - 1 - step) * 3
      for channel in 0..<3 { pixels.swapAt(left + channel, right + channel) }
    }
  }

  /// Writes the normalized crop of `image` to `target`: `height * width * 3` floats of `cropSize`, in the network's order
  /// of channels.
  ///
  /// Each value is `(pixel / 255 - mean) / std`, every operation rounded to 32-bit floats: torchvision's
  /// `ToTensor` and `Normalize`.
  /// - Precondition: The network takes three channels.
  public func apply(_ image: RGBImage, into target: UnsafeMutablePointer<Float>) {
    normalize(crop(of: image).pixels, into: target)
  }

  /// Writes the normalized values of `[…, 3]` pixels to `target`.
  func normalize(_ pixels: [UInt8], into target: UnsafeMutablePointer<Float>) {
    precondition(channels == 3, "an image of red, green and blue for \(channels) channels")
    let tables = normalizedValues()
    // Positions of the network's channels in a pixel.
    let (first, last) = channelOrder == .bgr ? (2, 0) : (0, 2)
    tables.withUnsafeBufferPointer { tables in
      pixels.withUnsafeBufferPointer { pixels in
        for offset in stride(from: 0, to: pixels.count, by: 3) {
          target[offset] = tables[Int(pixels[offset + first])]
          target[offset + 1] = tables[256 + Int(pixels[offset + 1])]
          target[offset + 2] = tables[512 + Int(pixels[offset + last])]
        }
      }
    }
  }

  /// The value of each of the 256 bytes in each of the three channels.
  private func normalizedValues() -> [Float] {
    (0..<768).map { (Float($0 % 256) / 255 - mean[$0 / 256]) / std[$0 / 256] }
  }
}

/// The size to which an image is resized, and the part of it that the crop takes.
struct CropPlan {
  let width: Int
  let height: Int
  let rows: AxisCrop
  let columns: AxisCrop
  /// The part of the resized image, as it is before mirroring.
  let window: PixelWindow
  /// True if no pixel of the crop is left over.
  let isCovered: Bool

  init(_ preprocessing: Preprocessing, width: Int, height: Int) {
    let crop = preprocessing.cropSize
    let size = preprocessing.mode.size(
      width: width, height: height, resize: preprocessing.resize, crop: crop)
    (self.width, self.height) = size
    columns = AxisCrop(
      length: size.width, crop: crop.width, placement: preprocessing.placement.horizontal)
    rows = AxisCrop(length: size.height, crop: crop.height, placement: preprocessing.placement.vertical)
    isCovered = columns.count == crop.width && rows.count == crop.height
    // A mirrored image is cropped like any other; in the image as it is, that crop counts from the other
    // side.
    let left = preprocessing.isFlipped ? size.width - columns.source - columns.count : columns.source
    window = PixelWindow(x: left, y: rows.source, width: columns.count, height: rows.count)
  }
}

extension Preprocessing {
  /// Horizontally mirrored before the crop.
  public var flipped: Preprocessing {
    var copy = self
    copy.isFlipped.toggle()
    return copy
  }

  /// This view and its mirror image, for averaging their logits.
  public var withFlip: [Preprocessing] { [self, flipped] }

  /// The four corners and the center, in torchvision's `FiveCrop` order.
  ///
  /// Unlike there, images smaller than the crop are padded.
  public var fiveCrops: [Preprocessing] {
    CropPlacement.allCases.map { placement in
      var copy = self
      copy.placement = placement
      return copy
    }
  }

  /// `fiveCrops` and those of the mirrored image, in torchvision's `TenCrop` order.
  public var tenCrops: [Preprocessing] { fiveCrops + flipped.fiveCrops }

  /// timm's sizes: the resize that leaves `cropPercentage` of the side to the crop, truncated.
  /// - Parameters:
  ///   - crop: Side of the crop in pixels.
  ///   - cropPercentage: Fraction of the resized side, above 0; timm's `crop_pct`.
  public static func resize(crop: Int, cropPercentage: Double) -> Int {
    precondition(cropPercentage > 0, "crop percentage \(cropPercentage)")
    return max(Int((Double(crop) / cropPercentage).rounded(.down)), 1)
  }
}

/// Where the crop lies in the resized image.
public enum CropPlacement: String, CaseIterable, Sendable {
  /// In the top left corner.
  case topLeft = "top-left"
  /// In the top right corner.
  case topRight = "top-right"
  /// In the bottom left corner.
  case bottomLeft = "bottom-left"
  /// In the bottom right corner.
  case bottomRight = "bottom-right"
  /// In the middle; half pixels go to the even neighbor.
  case center

  var horizontal: AxisPlacement {
    switch self {
    case .topLeft, .bottomLeft: .start
    case .topRight, .bottomRight: .end
    case .center: .center
    }
  }

  var vertical: AxisPlacement {
    switch self {
    case .topLeft, .topRight: .start
    case .bottomLeft, .bottomRight: .end
    case .center: .center
    }
  }
}

enum AxisPlacement { case start, center, end }

/// Where the crop of one axis comes from and goes to.
struct AxisCrop: Equatable {
  /// First source position.
  let source: Int
  /// First target position; above zero when the source is shorter than the crop.
  let target: Int
  /// Number of positions copied.
  let count: Int

  init(length: Int, crop: Int, placement: AxisPlacement) {
    guard length >= crop else {
      source = 0
      target = (crop - length) / 2
      count = length
      return
    }
    let margin = length - crop
    switch placement {
    case .start: source = 0
    case .end: source = margin
    // Python's round() takes halves to the even neighbor.
    case .center: source = Int((Double(margin) / 2).rounded(.toNearestOrEven))
    }
    target = 0
    count = crop
  }
}
