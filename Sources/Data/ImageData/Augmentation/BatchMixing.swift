import Statistics
import TensorMath

/// Mixing of the images of every batch of a run. What is drawn for a batch follows from the seed and the
/// batch's number alone, so that neither threads nor an interruption change it.
public struct MixingPolicy: Sendable, Equatable {
  private let kinds: [BatchMixing]

  /// With both kinds each batch takes one at random, as torchvision's reference training does.
  /// - Parameters:
  ///   - mixup: Parameter of mixup's beta distribution, above zero; nil for no mixup.
  ///   - cutMix: The same for CutMix.
  public init(mixup: Double? = nil, cutMix: Double? = nil) {
    kinds = [mixup.map(BatchMixing.mixup), cutMix.map(BatchMixing.cutMix)].compactMap { $0 }
  }

  /// True if batches stay as they are.
  public var isEmpty: Bool { kinds.isEmpty }

  /// Mixes all views of `batch` in place.
  /// - Parameters:
  ///   - batch: The images, changed in place.
  ///   - number: The batch's number in the run.
  ///   - seed: The seed of the run; a batch draws from it and its number.
  /// - Returns: The mixture of the labels; nil without mixing.
  @discardableResult
  public func apply(to batch: ImageBatch, number: Int, seed: UInt64) -> BatchMixing.Labels? {
    guard case (let kind, var generator)? = draw(number: number, seed: seed) else { return nil }
    return kind.apply(to: batch, using: &generator)
  }

  /// The weight of each image against its partner where features are mixed in place of images; nil without mixup.
  /// - Parameters:
  ///   - number: The batch's number in the run.
  ///   - seed: The seed of the run; a batch draws from it and its number.
  public func featureWeight(number: Int, seed: UInt64) -> Double? {
    guard case (.mixup(let alpha), var generator)? = draw(number: number, seed: seed) else { return nil }
    return generator.beta(alpha)
  }

  private func draw(number: Int, seed: UInt64) -> (BatchMixing, SeededGenerator)? {
    guard !kinds.isEmpty else { return nil }
    var generator = SeededGenerator(seed: seed, for: "mixing", index: number)
    return (kinds[generator.integer(below: kinds.count)], generator)
  }
}

/// Mixing of each image of a batch with the one before it.
///
/// Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018); Yun et al., "CutMix" (2019). Partners,
/// boxes and weights are drawn as torchvision's `v2.MixUp` and `v2.CutMix` draw them.
public enum BatchMixing: Sendable, Equatable {
  /// Weighted sums of images; the weight comes from a symmetric beta distribution.
  case mixup(alpha: Double)
  /// A box of the partner pasted into each image.
  case cutMix(alpha: Double)

  /// Labels of a mixed batch.
  public struct Labels: Sendable, Equatable {
    /// Label of each image's partner.
    public let partners: [Int]
    /// Weight of the image's own label; its partner's has the rest.
    public let weight: Double
  }

  /// Mixes all views of `batch` in place, all in the same way.
  ///
  /// Boxes of CutMix are rounded to the pixels of each view, so that their shares differ between views of different
  /// sizes; the labels are weighted by the first view's, which is the view that is trained on.
  /// - Returns: The mixture of the labels.
  public func apply(to batch: ImageBatch, using generator: inout SeededGenerator) -> Labels {
    let partners = batch.labels.indices.map {
      batch.labels[($0 + batch.labels.count - 1) % batch.labels.count]
    }
    switch self {
    case .mixup(let alpha):
      let weight = generator.beta(alpha)
      for view in batch.views { Self.mixAll(view, Float(weight)) }
      return Labels(partners: partners, weight: weight)
    case .cutMix(let alpha):
      let share = generator.beta(alpha)
      let (x, y) = (generator.uniform(), generator.uniform())
      // The box is cut off at the border, which changes its share.
      let weights = batch.views.map { view in
        let box = Self.box(share: share, x: x, y: y, width: view.shape[2], height: view.shape[1])
        Self.paste(view, box)
        return 1 - Double(box.width * box.height) / Double(view.shape[1] * view.shape[2])
      }
      return Labels(partners: partners, weight: weights.first ?? share)
    }
  }

  /// The box of `1 - share` of the area around a random center, clipped.
  static func box(share: Double, x: Double, y: Double, width: Int, height: Int) -> PixelWindow {
    let half = 0.5 * (1 - share).squareRoot()
    func range(_ position: Double, _ length: Int) -> (Int, Int) {
      let center = Int(position * Double(length))
      let reach = Int(half * Double(length))
      return (max(center - reach, 0), min(center + reach, length))
    }
    let (left, right) = range(x, width)
    let (top, bottom) = range(y, height)
    return PixelWindow(x: left, y: top, width: right - left, height: bottom - top)
  }

  private static func mixAll(_ view: Tensor, _ weight: Float) {
    forEachWithPrevious(view) { own, previous, count in
      for index in 0..<count { own[index] = own[index] * weight + previous[index] * (1 - weight) }
    }
  }

  private static func paste(_ view: Tensor, _ box: PixelWindow) {
    let (row, channels) = (view.shape[2] * view.shape[3], view.shape[3])
    forEachWithPrevious(view) { own, previous, _ in
      for y in box.y..<(box.y + box.height) {
        let start = y * row + box.x * channels
        (own + start).update(from: previous + start, count: box.width * channels)
      }
    }
  }

  /// Calls `body` with each image and the one before it as it was, from the last image to the first.
  private static func forEachWithPrevious(
    _ view: Tensor, _ body: (UnsafeMutablePointer<Float>, UnsafePointer<Float>, Int) -> Void
  ) {
    let images = view.shape[0]
    guard images > 0 else { return }
    let size = view.count / images
    let last = Tensor(uninitialized: [size])
    last.pointer.update(from: view.pointer + (images - 1) * size, count: size)
    for image in stride(from: images - 1, through: 0, by: -1) {
      let previous = image > 0 ? view.pointer + (image - 1) * size : last.pointer
      body(view.pointer + image * size, previous, size)
    }
  }
}
