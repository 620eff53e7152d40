import ImageData

/// One configuration of inference that a sweep measures.
public struct Setting: Sendable, Equatable {
  /// Indices of the sweep's networks; several are an ensemble, whose probabilities are averaged.
  public var networks: [Int]
  /// Preprocessing of the images.
  public var preprocessing: Preprocessing
  /// Crops that are classified.
  public var views: CropViews
  /// Pooling of the last map.
  public var pooling: Pooling
  /// Origin of the BatchNorm statistics.
  public var batchNorm: NormalizationSource

  /// - Precondition: at least one network.
  public init(
    networks: [Int] = [0], preprocessing: Preprocessing, views: CropViews = .center,
    pooling: Pooling = .average, batchNorm: NormalizationSource = .stored
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
