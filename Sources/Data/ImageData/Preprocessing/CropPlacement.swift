/// Where the crop lies in the resized image.
public enum CropPlacement: String, CaseIterable, Sendable {
  /// In the top left corner.
  case topLeft = "top-left"
  /// In the top right corner.
  case topRight = "top-right"
  /// In the bottom left corner.
  case bottomLeft = "bottom-left"
  /// In the bottom right corner.
  case bottomRight = "bottom-right"
  /// In the middle; half pixels go to the even neighbor.
  case center

  var horizontal: AxisPlacement {
    switch self {
    case .topLeft, .bottomLeft: .start
    case .topRight, .bottomRight: .end
    case .center: .center
    }
  }

  var vertical: AxisPlacement {
    switch self {
    case .topLeft, .topRight: .start
    case .bottomLeft, .bottomRight: .end
    case .center: .center
    }
  }
}

enum AxisPlacement { case start, center, end }

/// Where the crop of one axis comes from and goes to.
struct AxisCrop: Equatable {
  /// First source position.
  let source: Int
  /// First target position; above zero when the source is shorter than the crop.
  let target: Int
  /// Number of positions copied.
  let count: Int

  init(length: Int, crop: Int, placement: AxisPlacement) {
    guard length >= crop else {
      source = 0
      target = (crop - length) / 2
      count = length
      return
    }
    let margin = length - crop
    switch placement {
    case .start: source = 0
    case .end: source = margin
    // Python's round() takes halves to the even neighbor.
    case .center: source = Int((Double(margin) / 2).rounded(.toNearestOrEven))
    }
    target = 0
    count = crop
  }
}
