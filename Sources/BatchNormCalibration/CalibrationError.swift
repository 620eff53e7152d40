/// Why statistics could not be computed. Nothing has been changed when one of these is thrown.
public enum CalibrationError: Error, Equatable, CustomStringConvertible {
  case noBatchNorm(architecture: String)
  case notFinite(layer: String, channel: Int, batch: Int?)
  case oneValuePerChannel(layer: String, batch: Int)
  case noImages

  /// One line that names layer and batch and says what to do.
  public var description: String {
    switch self {
    case .noBatchNorm(let architecture):
      "\(architecture) has no BatchNorm layer, so there is nothing to recalibrate"
    case .notFinite(let layer, let channel, let batch):
      "layer \"\(layer)\": NaN or infinity in channel \(channel)\(batch.map { " at batch \($0)" } ?? ""); check weights and images"
    case .oneValuePerChannel(let layer, let batch):
      "layer \"\(layer)\": batch \(batch) has one value per channel, so it has no variance; use larger images or batches, or the pooled estimator"
    case .noImages: "no images to recalibrate with"
    }
  }
}
