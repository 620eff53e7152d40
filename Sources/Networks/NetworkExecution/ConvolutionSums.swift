/// Summation of 3x3 convolutions of stride 1; all others are summed product by product.
///
/// Source of the transforms: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks (CVPR
/// 2016).
public enum ConvolutionSums: CaseIterable, Sendable {
  /// Product by product.
  case direct
  /// By Winograd's F(2x2, 3x3): 4/9 of the products, with rounding like `direct`, which measurements deep in
  /// a network need, such as BatchNorm statistics.
  case smallTiles
  /// By Winograd's F(4x4, 3x3): a quarter of the products, with about ten times the rounding error, some 1e-6
  /// of the largest logit. Layers of 256 channels and more still have small tiles.
  case largeTiles

  /// Outputs of a tile along each axis; nil without tiles.
  var tileSide: Int? {
    switch self {
    case .direct: nil
    case .smallTiles: 2
    case .largeTiles: 4
    }
  }
}
