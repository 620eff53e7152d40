import ImageData
import Platform

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
