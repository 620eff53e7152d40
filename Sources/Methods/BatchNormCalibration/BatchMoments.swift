import NetworkExecution
import NetworkGraphs
import Statistics
import TensorMath

/// Moments of every BatchNorm layer's input over one batch.
///
/// Each layer normalizes with the batch's own statistics (as in training), so that these moments depend on
/// the weights and this batch alone: batches may be measured anywhere and combined later.
public struct BatchMoments: Sendable, Equatable {
  /// Index of the batch in the order of the data, from 0.
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
  /// - Parameters:
  ///   - images: normalized images, shape [n, height, width, channels].
  ///   - network: the network; layers not listed normalize with their running statistics.
  ///   - layers: the layers to measure, in execution order.
  ///   - batch: index of the batch in the order of the data.
  /// - Throws: `CalibrationError.notFinite` or `.oneValuePerChannel` naming the first layer in execution
  ///   order whose input contains NaN or infinity, or too few values to have a variance.
  public init(of images: Tensor, through network: Network, layers: [BatchNormLayer], batch: Int) throws {
    var moments: [ChannelMoments] = []
    moments.reserveCapacity(layers.count)
    try network.measureBatchStatistics(images, layers: Set(layers.map(\.name))) {
      try $1.check(layer: $0, batch: batch)
      moments.append($1)
    }
    precondition(moments.count == layers.count, "every layer is observed once per forward pass")
    self.init(batch: batch, imageCount: images.shape[0], layers: moments)
  }

  /// Runs a whole data set through the network layer by layer: the statistics of each layer are computed over
  /// all images before the next layer runs, so that they do not depend on the division into batches.
  ///
  /// - Parameters:
  ///   - network: the network; layers not listed normalize with their running statistics.
  ///   - layers: the layers to measure, in execution order.
  ///   - batchCount: number of batches.
  ///   - memory: bytes of activations to keep in memory; the rest goes to a scratch file.
  ///   - scratchFolder: folder of that file, which has no name there.
  ///   - scratchElement: number format of activations in that file.
  ///   - load: returns a batch, shape [n, height, width, channels].
  ///   - onStep: called after each batch of each step with the number of its images.
  /// - Returns: the moments of all images as those of one batch.
  /// - Throws: `CalibrationError.notFinite` and `.oneValuePerChannel`; errors of loading and of the scratch
  ///   file.
  public static func layerSynchronous(
    through network: Network, layers: [BatchNormLayer], batchCount: Int, memory: Int, scratchFolder: String,
    scratchElement: ScratchElement = .f32, load: (Int) throws -> Tensor, onStep: (Int) -> Void
  ) throws -> BatchMoments {
    var moments: [ChannelMoments] = []
    var imageCount = 0
    try network.layerSynchronousStatistics(
      batchCount: batchCount, memory: memory, scratchFolder: scratchFolder, scratchElement: scratchElement,
      layers: Set(layers.map(\.name)),
      load: {
        let images = try load($0)
        imageCount += images.shape[0]
        return images
      },
      inspect: { try $1.checkFinite(layer: $0, batch: $2) },
      observe: {
        try $1.check(layer: $0, batch: nil)
        moments.append($1)
      }, onStep: onStep)
    return BatchMoments(batch: 0, imageCount: imageCount, layers: moments)
  }
}

extension ChannelMoments {
  /// Refuses moments that cannot normalize anything.
  ///
  /// - Parameter batch: index of the batch in the order of the data; nil for all images together.
  /// - Throws: `CalibrationError.notFinite`, `.oneValuePerChannel`.
  func check(layer: BatchNormLayer, batch: Int?) throws(CalibrationError) {
    try checkFinite(layer: layer, batch: batch)
    // PyTorch refuses this in training too: the layer's output would be its shift alone, whatever the image.
    guard count > 1 else { throw .oneValuePerChannel(layer: layer.name, batch: batch) }
  }

  /// - Throws: `CalibrationError.notFinite`.
  func checkFinite(layer: BatchNormLayer, batch: Int?) throws(CalibrationError) {
    for channel in mean.indices where !mean[channel].isFinite || !m2[channel].isFinite {
      throw .notFinite(layer: layer.name, channel: channel, batch: batch)
    }
  }
}
