import Checkpoint

/// Steps from an image to a network's input: resize, crop, normalize.
public struct Preprocessing: Sendable, Hashable {
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
  public static let sizes = RecordedPreprocessing.sizes

  /// The largest length that is used because a checkpoint records it: time and memory grow with its square, and a file
  /// of any size may name it.
  public static let largestRecordedSize = 2048

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

/// Rule for the size after resizing, given the image's.
public enum ResizeMode: String, CaseIterable, Sendable {
  /// The shorter side becomes `resize`, the longer one follows (torchvision's `Resize(int)`, timm's crop mode
  /// `center`).
  case shorterSide = "shorter-side"
  /// Both sides become `resize`; the aspect ratio is lost (timm's crop mode `squash`).
  case squash
  /// The longer side becomes `resize`; what is missing of the crop is filled with the mean color (timm's
  /// crop mode `border`).
  case border

  // No image in memory is longer; the bound keeps absurdly thin ones within the kernel's range.
  private static let maximumLength = 1 << 30

  /// The size after resizing.
  func size(width: Int, height: Int, resize: Int) -> (width: Int, height: Int) {
    switch self {
    case .shorterSide:
      let exact = Double(resize * max(width, height)) / Double(min(width, height))
      let long = Int(min(exact, Double(Self.maximumLength)))
      return width <= height ? (resize, long) : (long, resize)
    case .squash:
      return (resize, resize)
    case .border:
      let ratio = max(Double(width) / Double(resize), Double(height) / Double(resize))
      func scaled(_ side: Int) -> Int { max(Int((Double(side) / ratio).rounded(.toNearestOrEven)), 1) }
      return (scaled(width), scaled(height))
    }
  }
}

extension Preprocessing {
  /// The preprocessing that a checkpoint's metadata records, or nil if it records none.
  ///
  /// A missing resize keeps its ratio to the crop, truncated.
  /// - Parameters:
  ///   - metadata: The value of a metadata key, nil if absent.
  ///   - source: Name of the checkpoint in errors.
  ///   - known: Settings in place of those that are not recorded.
  /// - Throws: `badPreprocessing`.
  public init?(
    metadata: @escaping (_ key: String) -> String?, source: String, defaults known: Preprocessing = .imageNet
  ) throws(ImageDataError) {
    let reader = MetadataReader(metadata: metadata, source: source)
    let resize = try reader.size(MetadataKey.resize)
    let crop = try reader.size(MetadataKey.crop)
    let interpolation = try reader.interpolation(MetadataKey.interpolation)
    let mean = try reader.triple(MetadataKey.mean, expected: "three numbers separated by commas") { _ in true
    }
    let std = try reader.triple(MetadataKey.std, expected: "three numbers above zero separated by commas") {
      $0 > 0
    }
    let mode = try reader.mode(MetadataKey.resizeMode)
    if resize == nil, crop == nil, interpolation == nil, mean == nil, std == nil, mode == nil { return nil }
    self.init(
      resize: resize ?? crop.map { min(max($0 * known.resize / known.crop, 1), Self.sizes.upperBound) }
        ?? known.resize,
      crop: crop ?? known.crop, interpolation: interpolation ?? known.interpolation,
      mean: mean ?? known.mean, std: std ?? known.std)
    self.mode = mode ?? known.mode
  }

  /// The error of sizes that come from a checkpoint and are larger than it may ask for; nil if none is.
  ///
  /// - Parameters:
  ///   - source: Name of the checkpoint in errors.
  ///   - isCropGiven: True if the crop is not the checkpoint's.
  ///   - isResizeGiven: True if neither the resize nor its ratio to the crop are the checkpoint's.
  public func recordedSizeError(
    of source: String, isCropGiven: Bool, isResizeGiven: Bool
  ) -> ImageDataError? {
    let limit = Self.largestRecordedSize
    if !isCropGiven && crop > limit {
      return .largeRecordedSize(source: source, key: MetadataKey.crop, size: crop, limit: limit)
    }
    // A large crop that somebody asked for may have the usual margin.
    if !isResizeGiven && resize > max(limit, 2 * crop) {
      return .largeRecordedSize(source: source, key: MetadataKey.resize, size: resize, limit: limit)
    }
    return nil
  }

  /// The entries that record this preprocessing in a checkpoint, as decimal strings.
  ///
  /// A mode is recorded only if it is not the usual one; placement and mirroring belong to one evaluation and
  /// are not.
  public var metadataEntries: [String: String] {
    var entries = [
      MetadataKey.resize: "\(resize)",
      MetadataKey.crop: "\(crop)",
      MetadataKey.interpolation: interpolation.rawValue,
      MetadataKey.mean: decimals(mean),
      MetadataKey.std: decimals(std),
    ]
    if mode != .shorterSide { entries[MetadataKey.resizeMode] = mode.rawValue }
    return entries
  }
}

private struct MetadataReader {
  let metadata: (String) -> String?
  let source: String

  func size(_ key: String) throws(ImageDataError) -> Int? {
    try read(key, expected: "a whole number of pixels from 1 to \(Preprocessing.sizes.upperBound)") { text in
      guard let value = Int(text), Preprocessing.sizes.contains(value), "\(value)" == text else { return nil }
      return value
    }
  }

  func interpolation(_ key: String) throws(ImageDataError) -> Interpolation? { try oneOf(key) }

  func mode(_ key: String) throws(ImageDataError) -> ResizeMode? { try oneOf(key) }

  private func oneOf<Choice>(_ key: String) throws(ImageDataError) -> Choice?
  where Choice: RawRepresentable<String> & CaseIterable {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return try read(key, expected: "one of \(names)") { Choice(rawValue: $0) }
  }

  func triple(
    _ key: String, expected: String, _ isValid: (Float) -> Bool
  ) throws(ImageDataError) -> [Float]? {
    try read(key, expected: expected) { text in
      let values = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Float($0) }
      let isTriple = values.count == 3 && text.count(where: { $0 == "," }) == 2
      return isTriple && values.allSatisfy { $0.isFinite && isValid($0) } ? values : nil
    }
  }

  private func read<Value>(
    _ key: String, expected: String, _ parse: (String) -> Value?
  ) throws(ImageDataError) -> Value? {
    guard let text = metadata(key) else { return nil }
    guard let value = parse(text) else {
      throw .badPreprocessing(source: source, key: key, expected: expected, found: text)
    }
    return value
  }
}
