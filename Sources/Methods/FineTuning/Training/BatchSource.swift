import ImageData
import Platform

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

/// Batches of cached features, mixed with one another on request.
final class CachedBatches: BatchSource {
  private let samples: LabelledFeatures
  private let classes: Int
  private let mixing: MixingPolicy
  private let seed: UInt64
  private let pool: ThreadPool
  private var batches: [ArraySlice<Int>] = []
  private var next = 0
  /// Index in the run of the epoch's first batch.
  private var first = 0
  /// Memory for the mixed features of one batch.
  private var mixed: FeatureMaps?

  init(_ samples: LabelledFeatures, classes: Int, mixing: MixingPolicy, seed: UInt64, pool: ThreadPool) {
    self.samples = samples
    self.classes = classes
    self.mixing = mixing
    self.seed = seed
    self.pool = pool
  }

  var imageCount: Int { samples.labels.count }
  var views: Int { samples.views }

  func startEpoch(_ epoch: Int, batches rows: [ArraySlice<Int>]) {
    batches = rows
    next = 0
    first = epoch * rows.count
  }

  func nextBatch() throws -> TrainingBatch {
    let rows = batches[next]
    defer { next += 1 }
    let labels = samples.labels(of: rows)
    let teacher = samples.teacherLogits(of: rows, classes: classes)
    guard let weight = mixing.featureWeight(number: first + next, seed: seed) else {
      return TrainingBatch(
        images: FeatureRows(maps: samples.features, rows: rows), labels: labels, teacherLogits: teacher,
        mixture: nil)
    }
    let target = try roomForMixing(rows.count)
    target.store(mixing: samples.features, rows, weight: Float(weight), pool: pool)
    return TrainingBatch(
      images: FeatureRows(maps: target, rows: ArraySlice(0..<rows.count)), labels: labels,
      teacherLogits: teacher,
      mixture: LabelMixture(partners: [labels.last!] + labels.dropLast(), weight: weight))
  }

  private func roomForMixing(_ count: Int) throws -> FeatureMaps {
    if let mixed, mixed.shape.count >= count { return mixed }
    var shape = samples.features.shape
    (shape.count, shape.element) = (count, .f32)
    let room = try FeatureMaps(shape)
    mixed = room
    return room
  }
}
