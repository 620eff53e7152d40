import ConvNet
import TensorMath

extension ChannelMoments {
  /// Refuses moments that cannot normalise anything.
  ///
  /// - Parameter batch: place of the batch in the order of the data; nil for all images together.
  /// - Throws: `CalibrationError.notFinite`, `.oneValuePerChannel`.
  func check(layer: BatchNormLayer, batch: Int?) throws(CalibrationError) {
    try checkFinite(layer: layer, batch: batch)
    // As PyTorch refuses it in training: the layer's output would be its shift alone, whatever the image.
    guard count > 1 else { throw .oneValuePerChannel(layer: layer.name, batch: batch) }
  }

  /// - Throws: `CalibrationError.notFinite`.
  func checkFinite(layer: BatchNormLayer, batch: Int?) throws(CalibrationError) {
    for channel in mean.indices where !mean[channel].isFinite || !m2[channel].isFinite {
      throw .notFinite(layer: layer.name, channel: channel, batch: batch)
    }
  }
}
