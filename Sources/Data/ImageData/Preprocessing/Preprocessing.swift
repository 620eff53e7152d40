/// Steps from an image to a network's input: resize, crop, normalize.
public struct Preprocessing: Sendable, Equatable {
  /// Length after resizing, in pixels: of the shorter side unless `mode` says otherwise.
  public var resize: Int
  /// Side of the square crop, in pixels.
  public var crop: Int
  /// Filter of the resizing.
  public var interpolation: Interpolation
  /// Mean of R, G, B, of pixels scaled to 0…1.
  public var mean: [Float]
  /// Standard deviation of R, G, B, of pixels scaled to 0…1.
  public var std: [Float]
  /// The side that `resize` is the length of.
  public var mode = ResizeMode.shorterSide
  /// Where the crop lies.
  public var placement = CropPlacement.center
  /// True if the image is mirrored horizontally, after resizing and before the crop.
  public var isFlipped = false

  /// Lengths in pixels that options and metadata may ask for; memory grows with their square.
  public static let sizes = 1...16384

  /// A center crop of the image resized by its shorter side.
  /// - Precondition: Sizes are positive; `mean` and `std` have three elements.
  public init(
    resize: Int, crop: Int, interpolation: Interpolation = .bilinear,
    mean: [Float] = Self.imageNetMean, std: [Float] = Self.imageNetStd
  ) {
    precondition(resize > 0 && crop > 0, "resize \(resize), crop \(crop)")
    precondition(mean.count == 3 && std.count == 3, "mean and std of three channels")
    self.resize = resize
    self.crop = crop
    self.interpolation = interpolation
    self.mean = mean
    self.std = std
  }

  /// ImageNet's channel means, as torchvision's models use them.
  public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  /// ImageNet's channel standard deviations, as torchvision's models use them.
  public static let imageNetStd: [Float] = [0.229, 0.224, 0.225]

  /// Resize 256, crop 224, bilinear, ImageNet's mean and standard deviation.
  public static let imageNet = Preprocessing(resize: 256, crop: 224)

  /// The settings on one line.
  public var summary: String {
    let side = mode == .shorterSide ? "" : " (\(mode.rawValue))"
    return "resize \(resize)\(side), crop \(crop), \(interpolation.rawValue), "
      + "mean \(decimals(mean)), std \(decimals(std))"
  }
}

/// Shortest decimals that read back as the same numbers, separated by commas.
func decimals(_ values: [Float]) -> String { values.map { "\($0)" }.joined(separator: ",") }
