import ImageData

/// One way to run inference that a sweep measures.
public struct Setting: Sendable, Equatable {
  /// Indices of the sweep's networks; several are an ensemble, whose probabilities are averaged.
  public var networks: [Int]
  /// How images become input.
  public var preprocessing: Preprocessing
  /// Which crops are classified.
  public var views: CropViews

  /// - Precondition: at least one network.
  public init(networks: [Int] = [0], preprocessing: Preprocessing, views: CropViews = .center) {
    precondition(!networks.isEmpty)
    self.networks = networks
    self.preprocessing = preprocessing
    self.views = views
  }
}
