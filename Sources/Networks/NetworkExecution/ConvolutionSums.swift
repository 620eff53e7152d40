/// How the products of a 3x3 convolution of stride 1 are summed; all others are summed product by product.
///
/// Source of the transforms: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016).
public enum ConvolutionSums: CaseIterable, Sendable {
  /// Product by product.
  case direct
  /// By Winograd's F(2x2, 3x3): 4/9 of the products, rounding like `direct`. What is measured deep in a network, as
  /// BatchNorm statistics are, needs that.
  case smallTiles
  /// By Winograd's F(4x4, 3x3): a quarter of the products, rounding about ten times as much, some 1e-6 of the largest
  /// logit. Layers of 256 channels and more have small tiles all the same.
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
