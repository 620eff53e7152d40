import Checkpoint
import ImageData
import Platform

/// The preprocessings that a sweep compares: mode × interpolation × crop × resize, in that order of nesting.
///
/// ```swift
/// let base = Preprocessing(resize: 256, crop: 224)
/// let grid = SweepGrid(base: base, resizes: [224, 256, 288], interpolations: [.bilinear, .bicubic])
/// let settings = grid.preprocessings.map { Setting(preprocessing: $0) }
/// print(settings.count)  // 6
/// ```
///
/// Properties that are not given come from `base`, the preprocessing that the checkpoint is known to work
/// with.
public struct SweepGrid: Sendable {
  /// Default for everything that is not given.
  public var base: Preprocessing
  /// Sizes of the shorter side after resizing; nil leaves them to `resizes(for:)`.
  public var resizes: [Int]?
  /// Sizes of the center crop; nil is the base's crop, or with nil resizes also two larger ones.
  public var crops: [Int]?
  /// Shares of the resized shorter side that a crop keeps, an alternative to `resizes`.
  public var ratios: [Double]?
  /// Resampling filters; nil is the base's.
  public var interpolations: [Interpolation]?
  /// Side that the resize refers to; nil is the base's.
  public var modes: [ResizeMode]?

  /// A grid over the given properties.
  public init(
    base: Preprocessing, resizes: [Int]? = nil, crops: [Int]? = nil, ratios: [Double]? = nil,
    interpolations: [Interpolation]? = nil, modes: [ResizeMode]? = nil
  ) {
    self.base = base
    self.resizes = resizes
    self.crops = crops
    self.ratios = ratios
    self.interpolations = interpolations
    self.modes = modes
  }

  /// The number of combinations, repetitions included; nil if no integer holds it.
  public var combinationCount: Int? {
    let perCrop = effectiveCrops.map { resizes(for: $0).count }
    return [modes?.count ?? 1, interpolations?.count ?? 1, perCrop.checkedSum ?? Int.max].checkedProduct
  }

  /// Every combination once.
  public var preprocessings: [Preprocessing] {
    var all: [Preprocessing] = []
    var seen: Set<Preprocessing> = []
    for mode in modes ?? [base.mode] {
      for interpolation in interpolations ?? [base.interpolation] {
        for crop in effectiveCrops {
          for resize in resizes(for: crop) {
            var one = base
            (one.mode, one.interpolation, one.crop, one.resize) = (mode, interpolation, crop, resize)
            if seen.insert(one).inserted { all.append(one) }
          }
        }
      }
    }
    return all
  }

  /// The crops in use. Networks trained on random crops see objects larger than a center crop shows them, so
  /// larger test sizes are tried by default: 8/7 and 9/7, as 256 and 288 are to 224 (Touvron et al. 2019,
  /// "Fixing the train-test resolution discrepancy").
  private var effectiveCrops: [Int] {
    if let crops { return crops }
    guard resizes == nil && ratios == nil else { return [base.crop] }
    return [base.crop, base.crop * 8 / 7, base.crop * 9 / 7].filter(Preprocessing.sizes.contains)
  }

  /// The resizes tried with a crop.
  ///
  /// Given crops alone keep the base's ratio. With nothing given, five steps from the crop itself to 8/7 of
  /// it, as torchvision tuned its weights with 224 … 256 for a crop of 224; for the base's crop also its own
  /// resize.
  private func resizes(for crop: Int) -> [Int] {
    if let resizes { return resizes }
    if let ratios { return ratios.map { max(1, Int((Double(crop) / $0).rounded(.down))) } }
    let kept = min(max(1, crop * base.resize / base.crop), Preprocessing.sizes.upperBound)
    if crops != nil { return [kept] }
    var steps = (0...4).map { crop * (28 + $0) / 28 }
    if crop == base.crop { steps.append(base.resize) }
    return steps.sorted()
  }
}

/// Reasons that a sweep could not choose or its parts could not be merged.
public enum SweepError: ClassifiedError, Equatable {
  /// Too few images to choose and to score on.
  case tooFewImages(count: Int, needed: Int)
  /// A part, given by name, does not belong to this sweep or cannot be merged with the others; and the
  /// reason.
  case badPart(String, String)
  /// No setting is within the budget; `cheapest` is in the budget's unit.
  case beyondBudget(Budget, cheapest: Double)

  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .tooFewImages(let count, let needed):
      "\(count) image\(count == 1 ? " is" : "s are") too few to choose and to score on: at least \(needed) needed"
    case .badPart(let name, let problem): name.isEmpty ? problem : "\(escape(name)): \(problem)"
    case .beyondBudget(let budget, let cheapest):
      "no setting costs at most \(budget.description); the cheapest measured on all images costs \(budget.cost.text(cheapest))"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }
