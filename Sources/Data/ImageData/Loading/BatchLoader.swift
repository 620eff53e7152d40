import Platform

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
    prefetch: Int = 2, augmentation: Augmentation? = nil, seed: UInt64 = 0
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
