/// Extent and storage of a set of cached features.
public struct FeatureShape: Sendable, Equatable {
  /// Number of images (or of views of images).
  public var count: Int
  /// Values per channel and image: height × width of the map, 1 for pooled features.
  public var positions: Int
  /// Channels of the map.
  public var channels: Int
  /// True if a residual map is stored with each map.
  public var hasResidual: Bool
  /// Storage format of the values.
  public var element: FeatureElement

  /// - Parameters: the properties.
  public init(
    count: Int, positions: Int, channels: Int, hasResidual: Bool, element: FeatureElement = .f32
  ) {
    self.count = count
    self.positions = positions
    self.channels = channels
    self.hasResidual = hasResidual
    self.element = element
  }

  static let lanes = 8

  /// Channels rounded up to whole blocks of eight.
  static func stride(channels: Int) -> Int { (channels + lanes - 1) / lanes * lanes }

  var stride: Int { Self.stride(channels: channels) }
  /// Vectors of eight per block: the positions of the map, then those of the residual.
  var runs: Int { hasResidual ? 2 * positions : positions }
  var imageByteCount: Int { stride * runs * element.byteCount }
  var momentsByteCount: Int { 2 * count * stride * 8 }

  /// Bytes of the features and their moments.
  public var byteCount: Int { count * imageByteCount + momentsByteCount }
}
