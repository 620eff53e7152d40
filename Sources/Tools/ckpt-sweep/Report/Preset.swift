import Evaluation
import ImageData
import Platform

/// Libraries whose configuration a chosen preprocessing can be written as.
public enum Preset: String, CaseIterable, Sendable {
  /// The data configuration of timm's models and the arguments of its `validate.py`.
  case timm
  /// The transforms of torchvision's weights.
  case torchvision

  /// The configuration, one line that Python reads, and after a `#` what it cannot express.
  ///
  /// - Parameters:
  ///   - setting: setting to express.
  ///   - transformsInput: true for a network whose torchvision model transforms inputs that were normalized as
  ///     ImageNet's (`transform_input`) once more, so that its configuration is not that of the inputs.
  public func text(for setting: Setting, transformsInput: Bool = false) -> String {
    let preprocessing = setting.preprocessing
    var (means, deviations) = (preprocessing.mean, preprocessing.std)
    if self == .torchvision && transformsInput {
      (means, deviations) = Self.beforeTransform(means, deviations)
    }
    let mean = means.map { "\($0)" }.joined(separator: ", ")
    let std = deviations.map { "\($0)" }.joined(separator: ", ")
    // timm's names of the modes; torchvision has the first alone.
    let mode = preprocessing.mode == .shorterSide ? "center" : preprocessing.mode.rawValue
    let (crop, resize) = (preprocessing.crop, preprocessing.resize)
    switch self {
    case .timm:
      return
        "dict(input_size=(3, \(crop), \(crop)), crop_pct=\(Self.cropShare(crop: crop, resize: resize)), crop_mode='\(mode)', interpolation='\(preprocessing.interpolation.rawValue)', mean=(\(mean)), std=(\(std)))"
        + comment(
          [
            setting.pooling == .average ? nil : "test_pool=True (\(setting.pooling.name))",
            Self.views(setting),
          ])
    case .torchvision:
      let interpolation =
        "interpolation=InterpolationMode.\(preprocessing.interpolation.rawValue.uppercased())"
      let remarks = comment(
        [
          setting.pooling == .average ? nil : "pooling \(setting.pooling.name)",
          transformsInput ? "for a model with transform_input" : nil,
          preprocessing.mode == .border
            ? "resize mode border, for which torchvision has no transform" : nil, Self.views(setting),
        ])
      guard preprocessing.mode == .squash else {
        return
          "ImageClassification(crop_size=\(crop), resize_size=\(resize), mean=(\(mean)), std=(\(std)), \(interpolation))"
          + remarks
      }
      // The preset resizes the shorter side only.
      return
        "Compose([Resize((\(resize), \(resize)), \(interpolation)), CenterCrop(\(crop)), ToTensor(), Normalize(mean=(\(mean)), std=(\(std)))])"
        + remarks
    }
  }

  /// The normalization after which torchvision's `transform_input` gives that of `mean` and `std`.
  ///
  /// It maps x to x·(s/½) + (m − ½)/½ with ImageNet's m and s of the channel. ((p − m′)/s′)·(s/½) + (m − ½)/½ equals
  /// (p − mean)/std for s′ = std·s/½ and m′ = mean + std·(m − ½)/½.
  private static func beforeTransform(_ mean: [Float], _ std: [Float]) -> ([Float], [Float]) {
    let imageNet = Preprocessing.imageNet
    let scale = zip(std, imageNet.std).map { Double("\($0)")! * Double("\($1)")! / 0.5 }
    let shift = zip(zip(mean, std), imageNet.mean).map {
      Double("\($0.0)")! + Double("\($0.1)")! * (Double("\($1)")! - 0.5) / 0.5
    }
    return (shift.map { Float($0) }, scale.map { Float($0) })
  }

  private static func views(_ setting: Setting) -> String? {
    setting.views == .center ? nil : "logits averaged over views: \(setting.views.rawValue)"
  }

  private func comment(_ remarks: [String?]) -> String {
    let known = remarks.compactMap { $0 }
    return known.isEmpty ? "" : "  # " + known.joined(separator: "; ")
  }

  /// The shortest decimal from which timm's `floor(crop / share)` gives back `resize`.
  static func cropShare(crop: Int, resize: Int) -> String {
    for digits in 1...12 {
      // Half a pixel more than the resize lies in the middle of the shares that round down to it.
      for target in [Double(resize), Double(resize) + 0.5] {
        let text = String(format: "%.\(digits)f", Double(crop) / target)
        if let share = Double(text), share > 0, (Double(crop) / share).rounded(.down) == Double(resize) {
          return text
        }
      }
    }
    return "\(Double(crop) / (Double(resize) + 0.5))"
  }
}
