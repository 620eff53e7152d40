import ImageData

/// One configuration of inference that a sweep measures.
public struct Setting: Sendable, Hashable {
  /// Indices of the sweep's networks; several are an ensemble, whose probabilities are averaged.
  public var networks: [Int]
  /// Preprocessing of the images.
  public var preprocessing: Preprocessing
  /// Crops that are classified.
  public var views: CropViews
  /// Pooling of the last map.
  public var pooling: ViewPooling
  /// Origin of the BatchNorm statistics.
  public var batchNorm: NormalizationSource

  /// - Precondition: at least one network.
  public init(
    networks: [Int] = [0], preprocessing: Preprocessing, views: CropViews = .center,
    pooling: ViewPooling = .average, batchNorm: NormalizationSource = .stored
  ) {
    precondition(!networks.isEmpty)
    self.networks = networks
    self.preprocessing = preprocessing
    self.views = views
    self.pooling = pooling
    self.batchNorm = batchNorm
  }
}

extension Setting {
  /// Unusual properties other than sizes and interpolation, each in a word or two.
  package var peculiarities: [String] {
    var parts: [String] = []
    if preprocessing.mode != .shorterSide { parts.append(preprocessing.mode.rawValue) }
    if views != .center { parts.append("views \(views.rawValue)") }
    if pooling != .average { parts.append("pooling \(pooling.name)") }
    if batchNorm != .stored { parts.append("\(batchNorm.rawValue) BatchNorm") }
    return parts
  }
}

/// Reduction of a network's last map to the classifier's input.
public enum ViewPooling: Sendable, Hashable {
  /// The mean of the whole map, as in training.
  case average
  /// timm's test-time pooling with windows of this side length: the average of mean and maximum of the
  /// windows' logits.
  case testTime(window: Int)

  /// `average`, or `test-time:7` with the side length of the windows.
  public var name: String {
    switch self {
    case .average: "average"
    case .testTime(let window): "test-time:\(window)"
    }
  }

  package init?(name: String) {
    if name == "average" {
      self = .average
    } else if name.hasPrefix("test-time:"), let window = Int(name.dropFirst(10)), window >= 1 {
      self = .testTime(window: window)
    } else {
      return nil
    }
  }
}

/// Number of crops of an image that are classified; the logits of several are averaged, as torchvision's
/// reference does.
public enum CropViews: String, CaseIterable, Sendable {
  /// The center crop alone.
  case center
  /// The center crop and its mirror image.
  case flip
  /// The four corners and the center, as in torchvision's `FiveCrop`.
  case five
  /// The five crops of the image and of its mirror image, as in torchvision's `TenCrop` (Krizhevsky,
  /// Sutskever, Hinton 2012).
  case ten

  /// The inputs that a preprocessing yields.
  func inputs(_ preprocessing: Preprocessing) -> [Preprocessing] {
    switch self {
    case .center: [preprocessing]
    case .flip: preprocessing.withFlip
    case .five: preprocessing.fiveCrops
    case .ten: preprocessing.tenCrops
    }
  }
}
