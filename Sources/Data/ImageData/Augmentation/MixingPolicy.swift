import Statistics

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
    // Not the seeds of the images' transforms, which count up from the same seed.
    var scrambler = SeededGenerator(seed: ~seed &+ UInt64(number))
    var generator = SeededGenerator(seed: scrambler.next())
    return (kinds[generator.integer(below: kinds.count)], generator)
  }
}
