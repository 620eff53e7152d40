import BatchNormCalibration
import Checkpoint
import Command
import ImageData
import NetworkCommand
import NetworkExecution
import NetworkGraphs
import Platform
import Statistics

/// The forward passes over a data set, whole or one shard's.
struct Measurement {
  let recipe: StatisticsPart.Recipe
  let layers: [BatchNormLayer]
  private let network: Network
  private let dataset: any ImageDataset
  private let batches: [[Int]]
  private let preprocessing: Preprocessing
  private let workers: Int
  private let synchronization: SynchronizationOptions
  private let transforms: TransformOptions
  private let seed: UInt64

  init(_ options: BNFix, model: LoadedModel, pool: ThreadPool, console: Console) throws {
    guard let data = options.source.data else { throw Failure(.usage, "--data is missing") }
    network = model.network
    layers = try selectedLayers(
      of: model, matching: options.layers, includingFrozen: options.includeFrozen)
    synchronization = options.synchronization
    transforms = options.transforms
    seed = options.seed
    let resolved = try options.preprocessing.resolve(
      model, takesRectangles: options.transforms.augment == .none, console: console)
    preprocessing = resolved.preprocessing
    guard options.transforms.augment == .none || preprocessing.channels == 3 else {
      throw Failure(
        .usage,
        "--augment train is for images of three channels, and the network takes \(preprocessing.channels)")
    }
    workers = options.global.threadCount
    dataset = try options.images.open(
      data, seed: seed, views: [preprocessing], isLabelled: false, console: console)
    let order = try options.images.readable(
      Self.imageOrder(options, data: data, count: dataset.count), of: dataset, pool: pool, console: console)
    guard !order.isEmpty else { throw CalibrationError.noImages }
    batches = stride(from: 0, to: order.count, by: options.batchSize).map {
      Array(order[$0..<min($0 + options.batchSize, order.count)])
    }
    try network.checkMemory(
      preprocessing, images: batches[0].count, batches: min(batches.count, 1 + BatchLoader.usualPrefetch),
      normalizesByBatch: true)
    var recorded = Metadata()
    resolved.record(in: &recorded)
    recipe = StatisticsPart.Recipe(
      model: try contentDigest(of: model.source), batchCount: batches.count,
      options: options.measurementOptions(
        dataset: dataset, images: order.count, preprocessing: preprocessing),
      recorded: Dictionary(uniqueKeysWithValues: recorded.sortedEntries.map { ($0.key, $0.value) }))
  }

  /// The moments of every batch, or of the shard's, in the order of the data.
  func run(shard: Shard?, console: Console) throws -> [BatchMoments] {
    let numbers = shard?.items(of: batches.count) ?? Array(batches.indices)
    let images = numbers.flatMap { batches[$0] }
    // Only the last batch of all may be short, and it stays the last of its shard: the loader cuts as we do.
    let loader = BatchLoader(
      dataset, indices: images, batchSize: batches[0].count, views: [preprocessing], workers: workers,
      augmentation: transforms.perImage, seed: seed)
    switch synchronization.sync {
    case .batch: return try eachBatch(loader, numbers: numbers, imageCount: images.count, console: console)
    case .layer: return [try layerByLayer(loader, imageCount: images.count, console: console)]
    }
  }

  private func eachBatch(
    _ loader: BatchLoader, numbers: [Int], imageCount: Int, console: Console
  ) throws -> [BatchMoments] {
    let progress = console.progress("recalibrating", total: imageCount, unit: "images")
    defer { progress.finish() }
    var moments: [BatchMoments] = []
    try measureBatches(
      of: loader, through: network, layers: layers, numbers: numbers,
      prepare: { transforms.mixing.policy.apply(to: $0, number: $1, seed: seed) }
    ) { _, batch in
      moments.append(batch)
      progress.advance(by: batch.imageCount)
    }
    return moments
  }

  private func layerByLayer(_ loader: BatchLoader, imageCount: Int, console: Console) throws -> BatchMoments {
    let progress = console.progress(
      "recalibrating", total: imageCount * network.stepCount, unit: "images × layers")
    defer { progress.finish() }
    return try BatchMoments.layerSynchronous(
      through: network, layers: layers, batchCount: batches.count, memory: synchronization.memory.bytes,
      scratchFolder: temporaryFolder, scratchElement: synchronization.scratchDtype,
      load: { number in
        guard let batch = try loader.next() else {
          preconditionFailure("the loader cuts the batches as we do")
        }
        transforms.mixing.policy.apply(to: batch, number: number, seed: seed)
        return batch.views[0]
      }, onStep: { progress.advance(by: $0) })
  }

  private static func imageOrder(_ options: BNFix, data: String, count: Int) throws -> [Int] {
    var order = Array(0..<count)
    if options.shuffle {
      var generator = SeededGenerator(seed: options.seed, for: "image order")
      order = generator.permutation(count)
    }
    var wanted = options.numImages ?? count
    // Both are bounded, so that the product fits.
    if let batches = options.numBatches { wanted = batches * options.batchSize }
    guard wanted <= count else {
      throw Failure(
        .badData,
        "\(data): \(wanted) images requested, but only \(count) available; request fewer or give more data")
    }
    return Array(order.prefix(wanted))
  }
}

/// The BatchNorms whose names match `pattern`; without one, all but the frozen, or all.
///
/// - Throws: `CalibrationError.noBatchNorm`, `.allFrozen`; usage errors of the pattern.
func selectedLayers(
  of model: LoadedModel, matching pattern: String?, includingFrozen: Bool
) throws -> [BatchNormLayer] {
  let all = model.network.batchNorms
  guard !all.isEmpty else {
    let error = CalibrationError.noBatchNorm(architecture: model.network.architectureName)
    guard model.network.description.isImported else { throw error }
    throw Failure(.badData, "\(error); if the exporter left them out, \(ONNXImportError.exportAdvice)")
  }
  guard let pattern else {
    if includingFrozen { return all }
    let trained = model.network.trainedBatchNorms
    guard !trained.isEmpty else {
      throw CalibrationError.allFrozen(count: all.count, first: all[0].name)
    }
    return trained
  }
  guard let regex = try? Regex(pattern) else {
    throw Failure(.usage, "--layers: \(pattern) is not a valid regular expression")
  }
  let selected = all.filter { $0.name.contains(regex) }
  guard !selected.isEmpty else {
    throw Failure(
      .badData, "no BatchNorm layer matches \(pattern); --verbose without --layers lists their names")
  }
  return selected
}
