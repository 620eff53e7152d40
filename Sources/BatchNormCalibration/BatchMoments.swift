import ConvNet
import TensorMath

/// What one batch of images shows every BatchNorm layer.
///
/// Each layer normalises with its own batch's statistics while the batch passes (as in training), so these moments
/// depend on the weights and on this batch alone: batches may be measured anywhere and combined later.
public struct BatchMoments: Sendable, Equatable {
  /// Place of the batch in the order of the data, from 0.
  public let batch: Int
  /// Number of images in the batch.
  public let imageCount: Int
  /// Moments of every layer's input in execution order, over all positions of the batch's images, in float64.
  public let layers: [ChannelMoments]

  /// Moments measured elsewhere.
  public init(batch: Int, imageCount: Int, layers: [ChannelMoments]) {
    self.batch = batch
    self.imageCount = imageCount
    self.layers = layers
  }

  /// Runs one batch through the network.
  ///
  /// - Parameter images: normalised images, shape [n, height, width, 3].
  /// - Throws: `CalibrationError.notFinite` naming the first layer in execution order that sees NaN or infinity.
  public init(of images: Tensor, through network: Network, batch: Int) throws {
    var layers: [ChannelMoments] = []
    layers.reserveCapacity(network.batchNorms.count)
    _ = try network.forwardWithBatchStatistics(images) { layer, moments in
      for channel in moments.mean.indices
      where !moments.mean[channel].isFinite || !moments.m2[channel].isFinite {
        throw CalibrationError.notFinite(layer: layer.name, channel: channel, batch: batch)
      }
      layers.append(moments)
    }
    precondition(
      layers.count == network.batchNorms.count, "every BatchNorm layer is observed once per forward pass")
    self.init(batch: batch, imageCount: images.shape[0], layers: layers)
  }
}
