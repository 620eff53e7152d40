import Platform
import Statistics
import TensorMath

/// Some images of a data set as network inputs.
public struct ImageBatch: Sendable {
  /// One tensor per preprocessing, `[n, height, width, channels]` of its crop, normalized.
  public let views: [Tensor]
  /// Class of each image, -1 where unlabeled.
  public let labels: [Int]
  /// Index of each image in the data set.
  public let indices: [Int]
}

/// Reads, decodes and preprocesses images on threads of its own, ahead of the caller.
///
/// Batches hold the images in the order asked for, whatever the number of threads. Memory is bounded: at most
/// `prefetch` batches are ready or in the making besides the one the caller has. Each image is decoded once
/// for all views.
public final class BatchLoader {
  /// The preprocessings applied to every image.
  public let views: [Preprocessing]
  private let state: LoaderState
  private let threads: [WorkerThread]

  /// Batches that are loaded ahead unless told otherwise.
  public static let usualPrefetch = 2

  /// Views in groups, each for a loader of its own: two batches of a group stay within 256 MB, unless one view alone is
  /// larger.
  package static func groups(of views: [Preprocessing], batchSize: Int) -> [[Preprocessing]] {
    var groups: [[Preprocessing]] = []
    var room = 0
    for view in views {
      let bytes = 2 * batchSize * view.crop * view.crop * view.channels * MemoryLayout<Float>.stride
      if groups.isEmpty || bytes > room {
        groups.append([])
        room = 256 << 20
      }
      groups[groups.count - 1].append(view)
      room -= bytes
    }
    return groups
  }

  /// Starts loading.
  /// - Parameters:
  ///   - dataset: The images.
  ///   - indices: Which of them, in which order; repetitions are allowed.
  ///   - batchSize: Images per batch; the last batch may have fewer.
  ///   - views: Preprocessings applied to every image.
  ///   - workers: Number of threads; values below 1 count as 1.
  ///   - prefetch: Batches to load ahead; values below 1 count as 1.
  ///   - augmentation: Random transforms in place of resize and center crop; nil for none.
  ///   - seed: Seed of the augmentation. Each image of the data set has a sequence of its own, so that neither threads
  ///     nor order nor division into shards matter; epochs want different seeds.
  public init(
    _ dataset: any ImageDataset, indices: [Int], batchSize: Int, views: [Preprocessing], workers: Int,
    prefetch: Int = usualPrefetch, augmentation: Augmentation? = nil, seed: UInt64 = 0
  ) {
    precondition(batchSize > 0, "batch size \(batchSize)")
    let state = LoaderState(
      dataset: dataset, indices: indices, batchSize: batchSize, views: views, prefetch: max(prefetch, 1),
      augmentation: augmentation, seed: seed)
    self.state = state
    self.views = views
    threads = (0..<min(max(workers, 1), max(indices.count, 1))).map { _ in
      // A machine that refuses a thread leaves nothing to continue with.
      guard let thread = WorkerThread({ state.work() }) else { fatalError("cannot start a thread") }
      return thread
    }
  }

  deinit {
    state.stop()
    for thread in threads { thread.join() }
  }

  /// The next batch, or nil after the last.
  /// - Throws: The error of the first image in order that could not be loaded, when its batch comes up; the
  ///   loader then stays at that error.
  public func next() throws -> ImageBatch? { try state.next() }
}

/// State shared by the threads of a `BatchLoader`. The condition guards every variable; tensors are written
/// outside it, each image's part by the one thread that took the image.
final class LoaderState: @unchecked Sendable {
  private let dataset: any ImageDataset
  private let indices: [Int]
  private let batchSize: Int
  private let views: [Preprocessing]
  private let prefetch: Int
  private let augmentation: Augmentation?
  private let seed: UInt64

  private let condition = Condition()
  private var batches: [Int: Batch] = [:]
  /// Tensors of full batches that the caller has, or had.
  private var delivered: [[Tensor]] = []
  private var nextPosition = 0
  private var deliveredBatches = 0
  private var isStopped = false
  private var failure: (any Error)?

  private final class Batch {
    let views: [Tensor]
    var remaining: Int
    /// Errors by place in the batch.
    var failures: [Int: any Error] = [:]

    init(views: [Tensor], count: Int) {
      self.views = views
      remaining = count
    }
  }

  init(
    dataset: any ImageDataset, indices: [Int], batchSize: Int, views: [Preprocessing], prefetch: Int,
    augmentation: Augmentation?, seed: UInt64
  ) {
    self.dataset = dataset
    self.indices = indices
    self.batchSize = batchSize
    self.views = views
    self.prefetch = prefetch
    self.augmentation = augmentation
    self.seed = seed
  }

  /// Makes the threads return after the image they are at.
  func stop() {
    condition.lock()
    isStopped = true
    condition.broadcast()
    condition.unlock()
  }

  /// Loads images until there are none left or the loader stops.
  func work() {
    while let (position, batch) = take() {
      let result = Result { try load(position, into: batch.views) }
      finish(position, of: batch, result)
    }
  }

  func next() throws -> ImageBatch? {
    condition.lock()
    defer { condition.unlock() }
    if let failure { throw failure }
    let number = deliveredBatches
    let positions = range(ofBatch: number)
    guard !positions.isEmpty else { return nil }
    while batches[number].map({ $0.remaining > 0 }) ?? true { condition.wait() }
    let batch = batches.removeValue(forKey: number)!
    deliveredBatches += 1
    // Whoever waits may begin the next batch, or has to stop.
    defer { condition.broadcast() }
    if let first = batch.failures.keys.min() {
      failure = batch.failures[first]
      isStopped = true
      throw failure!
    }
    if positions.count == batchSize {
      // More than this many are only there when the caller keeps batches, which are then no use here.
      if delivered.count > prefetch { delivered.removeFirst() }
      delivered.append(batch.views)
    }
    let taken = Array(indices[positions])
    return ImageBatch(views: batch.views, labels: taken.map { dataset.label($0) ?? -1 }, indices: taken)
  }

  private func range(ofBatch number: Int) -> Range<Int> {
    let first = min(number * batchSize, indices.count)
    return first..<min(first + batchSize, indices.count)
  }

  /// Waits until another image may be begun; nil when there will be none.
  private func take() -> (position: Int, batch: Batch)? {
    condition.lock()
    defer { condition.unlock() }
    while !isStopped && nextPosition < indices.count
      && nextPosition / batchSize >= deliveredBatches + prefetch
    {
      condition.wait()
    }
    guard !isStopped && nextPosition < indices.count else { return nil }
    let position = nextPosition
    nextPosition += 1
    let number = position / batchSize
    if let batch = batches[number] { return (position, batch) }
    let count = range(ofBatch: number).count
    let batch = Batch(views: tensors(count: count), count: count)
    batches[number] = batch
    return (position, batch)
  }

  /// Tensors for `count` images: those of a batch that the caller has let go of, if possible, because the
  /// system takes longer to provide fresh memory than a resized image takes to be normalized.
  private func tensors(count: Int) -> [Tensor] {
    if count == batchSize {
      for place in delivered.indices {
        // Writing access gives `delivered` an array of its own, so that each holder of the batch counts.
        let isFree = delivered[place].indices.allSatisfy { isKnownUniquelyReferenced(&delivered[place][$0]) }
        if isFree { return delivered.remove(at: place) }
      }
    }
    return views.map {
      Tensor(uninitialized: [count, $0.cropSize.height, $0.cropSize.width, $0.channels])
    }
  }

  private func load(_ position: Int, into tensors: [Tensor]) throws {
    func place(_ view: Preprocessing, _ tensor: Tensor) -> UnsafeMutablePointer<Float> {
      let size = view.cropSize.height * view.cropSize.width * view.channels
      return tensor.pointer + position % batchSize * size
    }
    if dataset.hasBands || views.contains(where: { $0.channels != 3 }) {
      if augmentation != nil {
        // Random transforms are those of bytes of red, green and blue.
        let item = dataset.itemName(indices[position])
        throw dataset.hasBands
          ? ImageDataError.badImage(item: item, reason: "random transforms take images of 8 bits alone")
          : ImageDataError.channelMismatch(item: item, expected: views[0].channels, found: 3)
      }
      for (view, tensor) in zip(views, tensors) {
        let bands = try dataset.bands(indices[position], channels: view.channels)
        view.apply(bands, into: place(view, tensor))
      }
      return
    }
    let image = try dataset.image(indices[position])
    for (view, tensor) in zip(views, tensors) {
      let target = place(view, tensor)
      if let augmentation {
        var generator = SeededGenerator(seed: seed, for: "image transforms", index: indices[position])
        augmentation.apply(image, view, using: &generator, into: target)
      } else {
        view.apply(image, into: target)
      }
    }
  }

  private func finish(_ position: Int, of batch: Batch, _ result: Result<Void, any Error>) {
    condition.lock()
    defer { condition.unlock() }
    if case .failure(let error) = result { batch.failures[position % batchSize] = error }
    batch.remaining -= 1
    if batch.remaining == 0 { condition.broadcast() }
  }
}
