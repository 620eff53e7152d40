import ImageData

/// How many crops of an image are classified; the logits of several are averaged, as torchvision's reference does.
public enum CropViews: String, CaseIterable, Sendable {
  /// The centre crop alone.
  case center
  /// The centre crop and its mirror image.
  case flip
  /// The four corners and the centre, as torchvision's `FiveCrop`.
  case five
  /// Those of the image and of its mirror image, as torchvision's `TenCrop` (Krizhevsky, Sutskever, Hinton 2012).
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
