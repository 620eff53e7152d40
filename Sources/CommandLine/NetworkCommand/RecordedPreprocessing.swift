import Checkpoint
import ImageData

extension Preprocessing {
  /// The preprocessing that a file states in the terms of timm or torchvision; nil where it states no size.
  ///
  /// Where timm states no share of the crop it is its default, 0.875.
  init?(_ recorded: RecordedPreprocessing) {
    guard let size = recorded.inputSize, size.count == 3, size[1] == size[2], (1...16384).contains(size[1])
    else {
      return nil
    }
    self = .imageNet
    crop = size[1]
    resize =
      recorded.resize ?? Preprocessing.resize(crop: crop, cropPercentage: recorded.cropShare ?? 0.875)
    guard resize >= 1, resize <= 16384 else { return nil }
    switch recorded.cropMode {
    case "squash": mode = .squash
    case "border": mode = .border
    default: break
    }
    if let name = recorded.interpolation {
      guard let interpolation = Interpolation(rawValue: name) else { return nil }
      self.interpolation = interpolation
    }
    if let values = recorded.mean, values.count == 3 { mean = values.map { Float($0) } }
    if let values = recorded.std, values.count == 3, values.allSatisfy({ $0 > 0 }) {
      std = values.map { Float($0) }
    }
  }
}
