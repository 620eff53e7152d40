import Platform

/// Reasons that statistics could not be computed. Nothing has been changed when one of these is thrown.
public enum CalibrationError: ClassifiedError, Equatable {
  /// The network has no BatchNorm layer.
  case noBatchNorm(architecture: String)
  /// A channel of a layer's input contains NaN or infinity; `batch` is nil where all images are taken
  /// together.
  case notFinite(layer: String, channel: Int, batch: Int?)
  /// A layer sees one value per channel, which has no variance; `batch` as in `notFinite`.
  case oneValuePerChannel(layer: String, batch: Int?)
  /// There are no images.
  case noImages

  /// One line that names layer and batch and says what to do.
  public var description: String {
    switch self {
    case .noBatchNorm(let architecture):
      "\(architecture) has no BatchNorm layer, so there is nothing to recalibrate"
    case .notFinite(let layer, let channel, let batch):
      "layer \"\(layer)\"\(batch.map { ", batch \($0)" } ?? ""): NaN or infinity in channel \(channel)"
    case .oneValuePerChannel(let layer, let batch):
      "layer \"\(layer)\": \(batch.map { "batch \($0) has" } ?? "the images have") one value per channel, so there is no variance; use larger images, or a batch size that leaves no single image over"
    case .noImages: "no images to recalibrate with"
    }
  }
}
