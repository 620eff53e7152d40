import Checkpoint

/// Steps from an image to a network's input: resize, crop, normalize.
public struct Preprocessing: Sendable, Hashable {
  /// Length after resizing, in pixels: of the shorter side unless `mode` says otherwise.
  public var resize: Int
  /// Rows and columns of the crop, in pixels.
  public var cropSize: CropSize
  /// Side of a square crop; of a rectangle the shorter one. Setting it makes the crop a square.
  public var crop: Int {
    get { min(cropSize.height, cropSize.width) }
    set { cropSize = CropSize(height: newValue, width: newValue) }
  }
  /// Filter of the resizing.
  public var interpolation: Interpolation
  /// Mean of each channel in the order of the network's input, of pixels scaled to 0…1.
  public var mean: [Float]
  /// Standard deviation of each channel in that order, of pixels scaled to 0…1.
  public var std: [Float]
  /// The side that `resize` is the length of.
  public var mode = ResizeMode.shorterSide
  /// Value, from 0 to 255, of pixels of the crop that the image does not reach; nil for the mode's own.
  public var padding: Int?
  /// Order in which the network takes the three channels of a color image.
  public var channelOrder = ChannelOrder.rgb
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
  /// - Precondition: Sizes are positive; `mean` and `std` have as many elements, one for each channel, from 1 to 16.
  public init(
    resize: Int, crop: Int, interpolation: Interpolation = .bilinear,
    mean: [Float] = Self.imageNetMean, std: [Float] = Self.imageNetStd
  ) {
    precondition(resize > 0 && crop > 0, "resize \(resize), crop \(crop)")
    precondition(
      Self.channelCounts.contains(mean.count) && std.count == mean.count, "mean and std of every channel")
    self.resize = resize
    cropSize = CropSize(height: crop, width: crop)
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

  /// Numbers of channels that images may have.
  public static let channelCounts = 1...16

  /// Number of channels of the network's input.
  public var channels: Int { mean.count }

  /// The settings on one line.
  public var summary: String {
    let side = mode == .shorterSide ? "" : " (\(mode.rawValue))"
    let filling = padding.map { ", pad \($0)" } ?? ""
    let order = channelOrder == .rgb ? "" : ", \(channelOrder.rawValue)"
    return "resize \(resize)\(side), crop \(cropSize)\(filling), \(interpolation.rawValue), "
      + "mean \(decimals(mean)), std \(decimals(std))\(order)"
  }
}

/// Rows and columns of a crop, in pixels.
public struct CropSize: Sendable, Hashable, CustomStringConvertible {
  /// Number of rows.
  public var height: Int
  /// Number of columns.
  public var width: Int

  /// A size of the given sides.
  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

  /// True if both sides are equal.
  public var isSquare: Bool { height == width }

  /// The side of a square, or height and width such as `480x640`.
  public var description: String { isSquare ? "\(height)" : "\(height)x\(width)" }

  /// The size of such a description; nil for other texts, and for sides outside of `Preprocessing.sizes`.
  public init?(_ text: String) {
    let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard (1...2).contains(sides.count), sides.allSatisfy(Preprocessing.sizes.contains),
      sides.map(String.init).joined(separator: "x") == text
    else { return nil }
    self.init(height: sides[0], width: sides[sides.count - 1])
  }
}

/// Order of the three channels of a color image.
public enum ChannelOrder: String, CaseIterable, Sendable {
  /// Red, green, blue, as in torchvision and timm.
  case rgb
  /// Blue, green, red, as OpenCV reads images: Caffe's networks, Detectron2's and MMDetection's older ones.
  case bgr
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
  /// The image becomes as large as fits into the crop, whose rest is filled with a gray of 114 (Ultralytics' LetterBox);
  /// `resize` has no part.
  case letterbox

  /// Value of pixels that an image does not reach in a letterbox, unless another is asked for.
  public static let letterboxPadding = 114

  // No image in memory is longer; the bound keeps absurdly thin ones within the kernel's range.
  private static let maximumLength = 1 << 30

  /// The size after resizing.
  func size(width: Int, height: Int, resize: Int, crop: CropSize) -> (width: Int, height: Int) {
    switch self {
    case .letterbox:
      let ratio = min(Double(crop.height) / Double(height), Double(crop.width) / Double(width))
      func scaled(_ side: Int, _ limit: Int) -> Int {
        min(max(Int((Double(side) * ratio).rounded(.toNearestOrEven)), 1), limit)
      }
      return (scaled(width, crop.width), scaled(height, crop.height))
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
    let crop = try reader.cropSize(MetadataKey.crop)
    let interpolation = try reader.interpolation(MetadataKey.interpolation)
    let count =
      known.channels == 3 ? "three numbers" : known.channels == 1 ? "one number" : "\(known.channels) numbers"
    let mean = try reader.numbers(
      MetadataKey.mean, known.channels, expected: "\(count) separated by commas"
    ) { _ in true }
    let std = try reader.numbers(
      MetadataKey.std, known.channels, expected: "\(count) above zero separated by commas"
    ) { $0 > 0 }
    let mode = try reader.mode(MetadataKey.resizeMode)
    let padding = try reader.padding(MetadataKey.padding)
    let order = try reader.channelOrder(MetadataKey.channelOrder)
    if resize == nil, crop == nil, interpolation == nil, mean == nil, std == nil, mode == nil, padding == nil,
      order == nil
    {
      return nil
    }
    let size = crop ?? known.cropSize
    let side = min(size.height, size.width)
    self.init(
      resize: resize ?? crop.map { _ in min(max(side * known.resize / known.crop, 1), Self.sizes.upperBound) }
        ?? known.resize,
      crop: side, interpolation: interpolation ?? known.interpolation,
      mean: mean ?? known.mean, std: std ?? known.std)
    cropSize = size
    self.mode = mode ?? known.mode
    self.padding = padding ?? known.padding
    channelOrder = order ?? known.channelOrder
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
    let longer = max(cropSize.height, cropSize.width)
    if !isCropGiven && longer > limit {
      return .largeRecordedSize(source: source, key: MetadataKey.crop, size: longer, limit: limit)
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
      MetadataKey.crop: "\(cropSize)",
      MetadataKey.interpolation: interpolation.rawValue,
      MetadataKey.mean: decimals(mean),
      MetadataKey.std: decimals(std),
    ]
    if mode != .shorterSide { entries[MetadataKey.resizeMode] = mode.rawValue }
    if let padding { entries[MetadataKey.padding] = "\(padding)" }
    if channelOrder != .rgb { entries[MetadataKey.channelOrder] = channelOrder.rawValue }
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

  func cropSize(_ key: String) throws(ImageDataError) -> CropSize? {
    try read(
      key,
      expected: "a whole number of pixels from 1 to \(Preprocessing.sizes.upperBound), or two as in 480x640"
    ) { CropSize($0) }
  }

  func padding(_ key: String) throws(ImageDataError) -> Int? {
    try read(key, expected: "a whole number from 0 to 255") { text in
      guard let value = Int(text), (0...255).contains(value), "\(value)" == text else { return nil }
      return value
    }
  }

  func channelOrder(_ key: String) throws(ImageDataError) -> ChannelOrder? { try oneOf(key) }

  func interpolation(_ key: String) throws(ImageDataError) -> Interpolation? { try oneOf(key) }

  func mode(_ key: String) throws(ImageDataError) -> ResizeMode? { try oneOf(key) }

  private func oneOf<Choice>(_ key: String) throws(ImageDataError) -> Choice?
  where Choice: RawRepresentable<String> & CaseIterable {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return try read(key, expected: "one of \(names)") { Choice(rawValue: $0) }
  }

  func numbers(
    _ key: String, _ count: Int, expected: String, _ isValid: (Float) -> Bool
  ) throws(ImageDataError) -> [Float]? {
    try read(key, expected: expected) { text in
      let values = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Float($0) }
      let isWhole = values.count == count && text.count(where: { $0 == "," }) == count - 1
      return isWhole && values.allSatisfy { $0.isFinite && isValid($0) } ? values : nil
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
