import ImageData

/// Number of crops of an image that are classified; the logits of several are averaged, as torchvision's
/// reference does.
public enum CropViews: String, CaseIterable, Sendable {
  /// The center crop alone.
  case center
  /// The center crop and its mirror image.
  case flip
  /// The four corners and the center, as in torchvision's `FiveCrop`.
  case five
  /// The five crops of the image and of its mirror image, as in torchvision's `TenCrop` (Krizhevsky,
  /// Sutskever, Hinton 2012).
  case ten

  /// The inputs that a preprocessing yields.
  func inputs(_ preprocessing: Preprocessing) -> [Preprocessing] {
    switch self {
    case .center: [preprocessing]
    case .flip: preprocessing.withFlip
    case .five: preprocessing.fiveCrops
    case .ten: preprocessing.tenCrops
    }
  }
}
