import ImageData
import NetworkExecution
import Platform
import Statistics

/// Batches whose images are read, transformed, mixed and sent through the frozen backbone in every epoch.
///
/// Every epoch costs as much as filling a cache, but sees its own random transforms.
public final class RereadBatches: BatchSource {
  /// A teacher network, which sees the same transforms and mixtures as the student.
  public struct Teacher {
    let network: Network
    let preprocessing: Preprocessing

    /// - Parameters:
    ///   - network: the teacher.
    ///   - preprocessing: the teacher's own size and normalization.
    public init(_ network: Network, preprocessing: Preprocessing) {
      self.network = network
      self.preprocessing = preprocessing
    }
  }

  /// The images to read and their transforms.
  public struct Images {
    let dataset: any ImageDataset
    let labels: [Int]
    let preprocessing: Preprocessing
    let augmentation: Augmentation?

    /// - Parameters:
    ///   - dataset: a whole number of views of each image: view v of image i is number i·views + v.
    ///   - labels: one per image.
    ///   - preprocessing: size and normalization of the network's input.
    ///   - augmentation: random transforms that replace resize and center crop; nil for none.
    public init(
      _ dataset: any ImageDataset, labels: [Int], preprocessing: Preprocessing, augmentation: Augmentation?
    ) {
      self.dataset = dataset
      self.labels = labels
      self.preprocessing = preprocessing
      self.augmentation = augmentation
    }
  }

  private let tail: TunableTail
  private let source: Images
  private let mixing: MixingPolicy
  private let teacher: Teacher?
  private let seed: UInt64
  private let pool: ThreadPool
  private var loader: BatchLoader?
  private var number = 0

  /// - Parameters:
  ///   - tail: determines where the backbone ends.
  ///   - images: the images to read and their transforms.
  ///   - mixing: mixing of the images of a batch.
  ///   - teacher: teacher for distillation; nil without one.
  ///   - seed: seed of transforms and mixtures.
  ///   - pool: runs the arithmetic; its size is also the number of loading threads.
  public init(
    _ tail: TunableTail, images: Images, mixing: MixingPolicy, teacher: Teacher?, seed: UInt64,
    pool: ThreadPool
  ) {
    self.tail = tail
    source = images
    self.mixing = mixing
    self.teacher = teacher
    self.seed = seed
    self.pool = pool
  }

  /// Images of an epoch.
  public var imageCount: Int { source.labels.count }
  /// Views of each image.
  public var views: Int { source.dataset.count / max(1, source.labels.count) }

  /// Starts loading the epoch's batches.
  public func startEpoch(_ epoch: Int, batches rows: [ArraySlice<Int>]) {
    var generator = SeededGenerator(seed: seed, for: "epoch", index: epoch)
    loader = BatchLoader(
      source.dataset, indices: rows.flatMap { $0 }, batchSize: rows.first?.count ?? 1,
      views: [source.preprocessing] + (teacher.map { [$0.preprocessing] } ?? []), workers: pool.threadCount,
      augmentation: source.augmentation, seed: generator.next())
    number = epoch * rows.count
  }

  /// Waits for the next batch and runs the backbone, and the teacher, on it.
  public func nextBatch() throws -> TrainingBatch {
    guard let batch = try loader?.next() else { preconditionFailure("more batches than the epoch has") }
    let mixture = mixing.apply(to: batch, number: number, seed: seed)
    number += 1
    let collector = try FeatureCollector(tail, count: batch.indices.count, pool: pool)
    try collector.add(batch.views[0])
    let labels = batch.indices.map { source.labels[$0 / views] }
    // Labels come from the caller, not from the data set: each partner's label is that of the image before.
    return TrainingBatch(
      images: FeatureRows(maps: collector.finish(), rows: ArraySlice(batch.indices.indices)), labels: labels,
      teacherLogits: try teacher.map { try $0.network.logits(batch.views[1]).values.map(Double.init) },
      mixture: mixture.map {
        LabelMixture(partners: [labels.last!] + labels.dropLast(), weight: $0.weight)
      })
  }
}
