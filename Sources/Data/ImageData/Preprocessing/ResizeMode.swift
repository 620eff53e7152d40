/// Rule for the size after resizing, given the image's.
public enum ResizeMode: String, CaseIterable, Sendable {
  /// The shorter side becomes `resize`, the longer one follows (torchvision's `Resize(int)`, timm's crop mode
  /// `center`).
  case shorterSide = "shorter-side"
  /// Both sides become `resize`; the aspect ratio is lost (timm's crop mode `squash`).
  case squash
  /// The longer side becomes `resize`; what is missing of the crop is filled with the mean color (timm's
  /// crop mode `border`).
  case border

  // No image in memory is longer; the bound keeps absurdly thin ones within the kernel's range.
  private static let maximumLength = 1 << 30

  /// The size after resizing.
  func size(width: Int, height: Int, resize: Int) -> (width: Int, height: Int) {
    switch self {
    case .shorterSide:
      let exact = Double(resize * max(width, height)) / Double(min(width, height))
      let long = Int(min(exact, Double(Self.maximumLength)))
      return width <= height ? (resize, long) : (long, resize)
    case .squash:
      return (resize, resize)
    case .border:
      let ratio = max(Double(width) / Double(resize), Double(height) / Double(resize))
      func scaled(_ side: Int) -> Int { max(Int((Double(side) / ratio).rounded(.toNearestOrEven)), 1) }
      return (scaled(width), scaled(height))
    }
  }
}
