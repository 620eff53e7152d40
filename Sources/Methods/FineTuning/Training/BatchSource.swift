/// Source of the batches of stochastic steps.
public protocol BatchSource: AnyObject {
  /// Number of images of an epoch.
  var imageCount: Int { get }
  /// Number of views of each image, of which an epoch takes one at random: view v of image i is row i·views +
  /// v.
  var views: Int { get }

  /// Begins an epoch.
  ///
  /// - Parameters:
  ///   - epoch: counted from 0.
  ///   - rows: the batches to come, each as the rows of its images.
  func startEpoch(_ epoch: Int, batches rows: [ArraySlice<Int>]) throws

  /// The next batch of the epoch; valid until the next call.
  func nextBatch() throws -> TrainingBatch
}

/// The features of a step's images with their targets.
public struct TrainingBatch {
  let images: FeatureRows
  let labels: [Int]
  /// A teacher's logits, [images, classes].
  let teacherLogits: [Double]?
  let mixture: LabelMixture?
}

/// Labels of images that were mixed with others.
public struct LabelMixture: Sendable, Equatable {
  /// Label of each image's partner.
  public var partners: [Int]
  /// Weight of the image's own label; the partner's label has the rest.
  public var weight: Double
}

extension ClassificationLoss {
  /// The loss on the labels, or on a mixture: weight·loss(labels) + (1 − weight)·loss(partners).
  ///
  /// For losses linear in their targets this equals the loss on mixed targets (Zhang et al. 2018, §2).
  func evaluate(_ batch: LossBatch, mixture: LabelMixture?, gradient: inout [Double]) -> Double {
    let own = evaluate(batch, gradient: &gradient)
    guard let mixture else { return own }
    var partners = batch
    partners.labels = mixture.partners
    var other = gradient
    let rest = evaluate(partners, gradient: &other)
    for index in gradient.indices {
      gradient[index] = mixture.weight * gradient[index] + (1 - mixture.weight) * other[index]
    }
    return mixture.weight * own + (1 - mixture.weight) * rest
  }
}
